package wire

import "encoding/binary"

// Kind says how a response answers its question.
type Kind uint8

// The kinds of response (RFC 2308, section 2).
const (
	Malformed Kind = iota // not exactly one question, or a record that is not whole
	Positive              // records of the type in question, for the name or the end of its aliases
	NoData                // the name, or the end of its aliases, has no record of the type
	NoName                // NXDOMAIN: the name, or the end of its aliases, does not exist
	Referral              // names of other servers instead of an answer
	Failed                // SERVFAIL
	Refusal               // any other code
)

// Verdict is what Classify finds in a response.
type Verdict struct {
	Kind  Kind
	Alias bool   // the answer has a CNAME or DNAME: a denial is about its target (RFC 6604, section 3)
	SOA   bool   // the authority section has an SOA; without it a denial must not be kept (RFC 2308, section 5)
	TTL   uint32 // seconds; see Classify

	soa Record
}

// Classify reads a whole response and says what it is. Its TTL is the lowest of all records, in
// seconds. A denial with an SOA is kept for the lesser of the SOA's TTL and MINIMUM (RFC 2308,
// section 5), if no other record has a lower TTL.
func Classify(msg []byte) (v Verdict) {
	q, ok := questionOf(msg)
	if !ok || !v.scan(msg, q.Class) {
		return Verdict{}
	}
	switch Message(msg).Rcode() {
	case NoError:
		v.Kind = v.ofNoError(msg, &q)
	case NXDomain:
		v.Kind = NoName
	case ServFail:
		v.Kind = Failed
	default:
		v.Kind = Refusal
	}
	if v.SOA && v.denies() {
		v.TTL = min(v.TTL, v.negativeTTL(msg))
	}
	return v
}

func (v *Verdict) denies() bool { return v.Kind == NoData || v.Kind == NoName }

// scan reads all records. The TTL of a message without records is 0.
func (v *Verdict) scan(msg []byte, class Class) bool {
	lowest, any := ^uint32(0), false
	w := Walk(msg)
	for w.Next() {
		if w.Type == OPTRR || w.Type == TSIG {
			continue
		}
		lowest, any = min(lowest, w.TTL), true
		switch {
		case w.Section == Answer && (w.Type == CNAME || w.Type == DNAME):
			v.Alias = true
		case w.Section == Authority && w.Type == SOA && w.Class == class && w.End-w.Data > soaTail && !v.SOA:
			v.SOA, v.soa = true, w.Record
		}
	}
	if any {
		v.TTL = lowest
	}
	return w.OK()
}

// negativeTTL returns the lesser of the SOA's TTL and MINIMUM, in seconds.
func (v *Verdict) negativeTTL(msg []byte) uint32 {
	return min(v.soa.TTL, binary.BigEndian.Uint32(msg[v.soa.End-4:]))
}

func (v *Verdict) ofNoError(msg []byte, q *Query) Kind {
	switch {
	case answered(msg, q):
		return Positive
	case !v.SOA && !v.Alias && refers(msg):
		return Referral
	}
	return NoData
}

// refers reports whether the authority section names servers.
func refers(msg []byte) bool {
	for w := Walk(msg); w.Next(); {
		if w.Section == Authority && w.Type == NS {
			return true
		}
	}
	return false
}

// maxAliases is how many aliases in a row we follow. Resolvers give up earlier.
const maxAliases = 16

// answered reports whether the answer section has what q asks for, at q's name or at the end of
// its aliases (RFC 1034, section 3.6.2). The records may stand in any order.
func answered(msg []byte, q *Query) bool {
	var bufs [2][MaxName]byte
	at := q.Name
	for hop := range maxAliases {
		found, target := q.look(msg, at)
		if found || target == 0 {
			return found
		}
		next, _, ok := AppendName(bufs[hop&1][:0], msg, target)
		if !ok {
			return false
		}
		at = next
	}
	return false
}

// look searches the records of the name at in the answer section. Found means that what q asks
// for is there. Otherwise target is the offset at which the target of an alias begins, or 0.
func (q *Query) look(msg []byte, at Name) (found bool, target int) {
	for w := Walk(msg); w.Next() && w.Section == Answer; {
		if w.Class != q.Class && q.Class != anyClass || !equalAt(msg, w.owner, at) {
			continue
		}
		if w.Type == q.Type || q.Type == ANY {
			return true, 0
		}
		if w.Type == CNAME {
			target = w.Data
		}
	}
	return false, target
}

// LowerNegativeTTL writes the TTL that a denial is kept for into its SOA record. A cache does so
// before it counts the TTL down (RFC 2308, section 5). v is the verdict on m.
func (v *Verdict) LowerNegativeTTL(m Message) {
	if v.SOA && v.denies() && v.soa.End <= len(m) {
		m.setTTL(&v.soa, v.negativeTTL(m))
	}
}

// AppendDenial appends a cache's reply to q that says that q's name does not exist, because a
// name above it does not (RFC 8020, section 2). It takes the SOA record from denial, the response
// that denied the name above, and gives it a TTL of ttl seconds. If denial has no SOA, it returns
// dst unchanged, and false.
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
