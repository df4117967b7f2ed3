package wire

import "strconv"

// String returns the type's mnemonic, or TYPE and its number (RFC 3597, section 5).
func (t Type) String() string {
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
	return t.rareString()
}

func (t Type) rareString() string {
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
	return "TYPE" + strconv.Itoa(int(t))
}

// String returns the class's mnemonic, or CLASS and its number (RFC 3597, section 5). So it
// does for ANY, which is a type too.
func (c Class) String() string {
	switch c {
	case IN:
		return "IN"
	case CH:
		return "CH"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// String returns the response code as dashboards know it.
func (r Rcode) String() string {
	switch r {
	case NoError:
		return "NOERROR"
	case FormError:
		return "FORMERR"
	case ServFail:
		return "SERVFAIL"
	case NXDomain:
		return "NXDOMAIN"
	case NotImpl:
		return "NOTIMP"
	case Refused:
		return "REFUSED"
	case BadVer:
		return "BADVERS"
	case BadCookie:
		return "BADCOOKIE"
	}
	return "RCODE" + strconv.Itoa(int(r))
}
