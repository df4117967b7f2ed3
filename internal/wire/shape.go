package wire

// shape is where domain names stand in the data of a record: behind a number of bytes, one
// after the other, and a number of bytes behind these.
type shape struct {
	before   int
	names    int // toEnd for as many as there are
	after    int // open for any number
	compress bool
}

const (
	toEnd = -1
	open  = -1
)

// shapeOf returns the shape of a type's data. It knows every type whose names anybody may
// have compressed: those of RFC 1035, where names may be, those where names once were (RFC
// 3597, section 4), and later ones, where they must not be, but a reader that follows the
// pointers is right all the same. Of other types data is copied as it is: no names.
func shapeOf(t Type, data []byte) shape {
	switch t {
	case NS, MD, MF, CNAME, MB, MG, MR, PTR:
		return shape{0, 1, 0, true}
	case SOA:
		return shape{0, 2, soaTail, true}
	case MINFO:
		return shape{0, 2, 0, true}
	case MX:
		return shape{2, 1, 0, true}
	case DNAME, NSAPPTR: // the latter as PTR, RFC 1348, but nobody need compress it
		return shape{0, 1, 0, false}
	case RP, TALINK: // draft-wijngaards-dnsop-trust-history, section 3
		return shape{0, 2, 0, false}
	case AFSDB, RT, KX, LP: // RFC 6742, section 2.4
		return shape{2, 1, 0, false}
	case PX:
		return shape{2, 2, 0, false}
	case SRV:
		return shape{6, 1, 0, false}
	case NXT, NSEC: // RFC 2535, section 5.2; RFC 4034, section 4.1
		return shape{0, 1, open, false}
	case SIG, RRSIG: // RFC 2535, section 4.1; RFC 4034, section 3.1
		return shape{18, 1, open, false}
	case SVCB, HTTPS: // RFC 9460, section 2.2
		return shape{2, 1, open, false}
	}
	return shapeIn(t, data)
}

// shapeIn returns the shape of data that says itself where its names stand.
func shapeIn(t Type, data []byte) shape {
	switch t {
	case NAPTR: // RFC 3403, section 4.1
		return shape{skipStrings(data, 4, 3), 1, 0, false}
	case HIP: // RFC 8005, section 5
		return shape{hipKeys(data), toEnd, 0, false}
	case IPSECKEY: // RFC 4025, section 2.1
		if len(data) >= 3 && data[1] == relayName {
			return shape{3, 1, open, false}
		}
	case AMTRELAY: // RFC 8777, section 4.2; the type's highest bit has another meaning
		if len(data) >= 2 && data[1]&0x7F == relayName {
			return shape{2, 1, 0, false}
		}
	}
	return shape{}
}

// relayName is the type of a gateway or relay that is given by its name (RFC 4025, section
// 2.3; RFC 8777, section 4.2.3).
const relayName = 3

// skipStrings returns the offset behind n character-strings, of which the first begins at off.
// It is beyond the data where that ends before.
func skipStrings(data []byte, off, n int) int {
	for ; n > 0 && off < len(data); n-- {
		off += 1 + int(data[off])
	}
	return off + n
}

// hipKeys returns the offset behind a host's identity, or beyond the data where that ends before.
func hipKeys(data []byte) int {
	const lengths = 4 // of the tag, and behind the algorithm of the key
	if len(data) < lengths {
		return lengths
	}
	return lengths + int(data[0]) + int(data[2])<<8 + int(data[3])
}

// soaTail is the length of an SOA's five numbers, of which MINIMUM is the last (RFC 1035,
// section 3.3.13).
const soaTail = 20

// dataOK reports whether data that holds no names has the length that its type wants.
func (r *Record) dataOK() bool {
	switch {
	case r.Class != IN:
		return true
	case r.Type == A:
		return r.End-r.Data == 4
	case r.Type == AAAA:
		return r.End-r.Data == 16
	}
	return true
}

// oneHop reports whether a record speaks of the message that it stands in, and not of the
// zone: OPT, a signature of the whole (TSIG; SIG(0), RFC 2931, section 3), a key that was
// agreed on (RFC 2930).
func (r *Record) oneHop(msg []byte) bool {
	switch r.Type {
	case OPTRR, TSIG, TKEY:
		return true
	case SIG:
		return r.End-r.Data >= 2 && msg[r.Data] == 0 && msg[r.Data+1] == 0 // covers no type
	}
	return false
}
