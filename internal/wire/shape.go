package wire

// shape is where domain names stand in the data of a type: behind a number of bytes, one or
// two of them, and a number of bytes behind these.
type shape struct {
	before, names, after int
	compress             bool // the names may be compressed (RFC 3597, section 4)
}

// shapeOf returns the shape of a type's data. Of types it does not know, and those whose
// names were never compressed by anybody, data is copied as it is: no names.
func shapeOf(t Type) shape {
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
	case RP:
		return shape{0, 2, 0, false}
	case AFSDB, RT, KX:
		return shape{2, 1, 0, false}
	case PX:
		return shape{2, 2, 0, false}
	case SRV:
		return shape{6, 1, 0, false}
	}
	return shape{}
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
