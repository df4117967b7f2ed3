package wire

import "strconv"

// Type is the type of a question or a record.
type Type uint16

// The types that this module treats specially, and the types that metrics name. Types whose
// data holds names, and which only Repack knows, stand beside their shapes.
const (
	A      Type = 1
	NS     Type = 2
	CNAME  Type = 5
	SOA    Type = 6
	PTR    Type = 12
	HINFO  Type = 13
	MX     Type = 15
	TXT    Type = 16
	AAAA   Type = 28
	SRV    Type = 33
	NAPTR  Type = 35
	DNAME  Type = 39
	OPTRR  Type = 41
	DS     Type = 43
	RRSIG  Type = 46
	NSEC   Type = 47
	DNSKEY Type = 48
	NSEC3  Type = 50
	SVCB   Type = 64
	HTTPS  Type = 65
	TKEY   Type = 249
	TSIG   Type = 250
	IXFR   Type = 251
	AXFR   Type = 252
	ANY    Type = 255

	mailA Type = 254 // MAILA, the last type that is a question only, before ANY
)

// Meta reports whether t is a type of question or message rather than of data (RFC 6895,
// section 3.1): a transfer, a message's signature, OPT. ANY does not count.
func (t Type) Meta() bool {
	return t == 0 || t == OPTRR || t >= TKEY && t <= mailA
}

// signs reports whether records of type t only say something about other records.
func (t Type) signs() bool { return t == RRSIG || t == NSEC || t == NSEC3 }

// String returns the type's mnemonic, or TYPE and its number (RFC 3597, section 5).
func (t Type) String() string {
	if m := t.mnemonic(); m != "" {
		return m
	}
	return string(t.AppendTo(nil))
}

// AppendTo appends what String returns. It does not allocate if dst has room.
func (t Type) AppendTo(dst []byte) []byte {
	if m := t.mnemonic(); m != "" {
		return append(dst, m...)
	}
	return strconv.AppendUint(append(dst, "TYPE"...), uint64(t), 10)
}

// mnemonic returns the type's mnemonic, or "" if we know none.
func (t Type) mnemonic() string {
	switch t {
	case A:
		return "A"
	case NS:
		return "NS"
	case CNAME:
		return "CNAME"
	case SOA:
		return "SOA"
	case PTR:
		return "PTR"
	case HINFO:
		return "HINFO"
	case MX:
		return "MX"
	case TXT:
		return "TXT"
	case AAAA:
		return "AAAA"
	case SRV:
		return "SRV"
	case NAPTR:
		return "NAPTR"
	}
	return t.rareMnemonic()
}

func (t Type) rareMnemonic() string {
	switch t {
	case DNAME:
		return "DNAME"
	case OPTRR:
		return "OPT"
	case DS:
		return "DS"
	case RRSIG:
		return "RRSIG"
	case NSEC:
		return "NSEC"
	case DNSKEY:
		return "DNSKEY"
	case NSEC3:
		return "NSEC3"
	case SVCB:
		return "SVCB"
	case HTTPS:
		return "HTTPS"
	case IXFR:
		return "IXFR"
	case AXFR:
		return "AXFR"
	case ANY:
		return "ANY"
	}
	return ""
}
