package wire

// shape says where domain names stand in a record's data: first some bytes, then the names in a
// row, then some bytes again.
type shape struct {
	before   int  // bytes
	names    int  // or toEnd: names up to the end of the data
	after    int  // bytes, or open: any number
	compress bool // the names may be compressed
}

const (
	toEnd = -1
	open  = -1
)

// Types whose data holds names, and which nothing but shapeOf treats specially.
const (
	md       Type = 3
	mf       Type = 4
	mb       Type = 7
	mg       Type = 8
	mr       Type = 9
	minfo    Type = 14
	rp       Type = 17
	afsdb    Type = 18
	rt       Type = 21
	nsapPtr  Type = 23
	sig      Type = 24
	px       Type = 26
	nxt      Type = 30
	kx       Type = 36
	ipsecKey Type = 45
	hip      Type = 55
	talink   Type = 58
	lp       Type = 107
	amtRelay Type = 260
)

// shapeOf returns the shape of a type's data. It knows every type whose names a server may have
// compressed. The types of RFC 1035 allow that, and some later ones once did (RFC 3597, section
// 4). The rest forbid it, but following a pointer is right all the same. The data of any other
// type is taken to hold no names, and is copied as it is.
func shapeOf(t Type, data []byte) shape {
	switch t {
	case NS, md, mf, CNAME, mb, mg, mr, PTR:
		return shape{0, 1, 0, true}
	case SOA:
		return shape{0, 2, soaTail, true}
	case minfo:
		return shape{0, 2, 0, true}
	case MX:
		return shape{2, 1, 0, true}
	case DNAME, nsapPtr: // NSAP-PTR is like PTR (RFC 1348), but nobody need compress it
		return shape{0, 1, 0, false}
	case rp, talink: // draft-wijngaards-dnsop-trust-history, section 3
		return shape{0, 2, 0, false}
	case afsdb, rt, kx, lp: // RFC 6742, section 2.4
		return shape{2, 1, 0, false}
	case px:
		return shape{2, 2, 0, false}
	case SRV:
		return shape{6, 1, 0, false}
	case nxt, NSEC: // RFC 2535, section 5.2; RFC 4034, section 4.1
		return shape{0, 1, open, false}
	case sig, RRSIG: // RFC 2535, section 4.1; RFC 4034, section 3.1
		return shape{18, 1, open, false}
	case SVCB, HTTPS: // RFC 9460, section 2.2
		return shape{2, 1, open, false}
	}
	return shapeIn(t, data)
}

// shapeIn returns the shape of data that depends on the data itself.
func shapeIn(t Type, data []byte) shape {
	switch t {
	case NAPTR: // RFC 3403, section 4.1
		return shape{skipStrings(data, 4, 3), 1, 0, false}
	case hip: // RFC 8005, section 5
		return shape{hipKeys(data), toEnd, 0, false}
	case ipsecKey: // RFC 4025, section 2.1
		if len(data) >= 3 && data[1] == relayName {
			return shape{3, 1, open, false}
		}
	case amtRelay: // RFC 8777, section 4.2; the type's highest bit has another meaning
		if len(data) >= 2 && data[1]&0x7F == relayName {
			return shape{2, 1, 0, false}
		}
	}
	return shape{}
}

// relayName says that a gateway or relay is given by name, and not by address (RFC 4025, section
// 2.3; RFC 8777, section 4.2.3).
const relayName = 3

// skipStrings returns the offset behind n character-strings, the first of which begins at off. If
// the data ends before, the offset is beyond its end.
func skipStrings(data []byte, off, n int) int {
	for ; n > 0 && off < len(data); n-- {
		off += 1 + int(data[off])
	}
	return off + n
}

// hipKeys returns the offset behind a host's identity. If the data ends before, the offset is
// beyond its end.
func hipKeys(data []byte) int {
	const lengths = 4 // bytes: the length of the tag, the algorithm, and the length of the key
	if len(data) < lengths {
		return lengths
	}
	return lengths + int(data[0]) + int(data[2])<<8 + int(data[3])
}

// soaTail is the length of the five numbers at the end of an SOA. MINIMUM is the last of them
// (RFC 1035, section 3.3.13).
const soaTail = 20
