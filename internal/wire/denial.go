package wire

import "encoding/binary"

// LowerNegativeTTL writes the TTL that a denial is good for into its SOA record, as a cache
// must before it counts it down (RFC 2308, section 5). v is the verdict on m.
func (v *Verdict) LowerNegativeTTL(m Message) {
	if v.SOA && v.denies() && v.soa.End <= len(m) {
		m.setTTL(&v.soa, v.negativeTTL(m))
	}
}

// AppendDenial appends a reply to q that says its name does not exist, on the authority of
// the SOA record in denial, a response that said so of a name above (RFC 8020, section 2). The
// SOA's TTL becomes ttl seconds. It reports false and leaves dst alone where denial has none.
func AppendDenial(dst []byte, q *Query, denial []byte, ttl uint32) (reply []byte, ok bool) {
	var v Verdict
	if !v.scan(denial, q.Class) || !v.SOA {
		return dst, false
	}
	p := packer{dst: dst, start: len(dst)}
	p.open(q, QR|RA|q.flags()&(RD|CD)|Flags(NXDomain))
	if !p.record(denial, &v.soa) {
		return dst, false
	}
	w := Walk(p.dst[p.start:])
	if w.Next() {
		binary.BigEndian.PutUint32(p.dst[p.start+w.TTLOffset():], ttl)
	}
	return p.dst, true
}
