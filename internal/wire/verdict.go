package wire

import "encoding/binary"

// Kind is what a response says of its question.
type Kind uint8

// The kinds of response (RFC 2308, section 2).
const (
	Malformed Kind = iota // not one question, or a record that is not whole
	Positive              // records of the type asked for, at the end of the aliases if there are any
	NoData                // the name, or what it is an alias of, has none of that type
	NoName                // NXDOMAIN: the name, or what it is an alias of, does not exist
	Referral              // other servers are named instead of an answer
	Failed                // SERVFAIL
	Refusal               // any other code
)

// Verdict is what Classify finds in a response.
type Verdict struct {
	Kind  Kind
	Alias bool   // a CNAME or DNAME is in the answer: a denial speaks of where it leads (RFC 6604, section 3)
	SOA   bool   // an SOA record is in the authority section, without which a denial must not be kept (RFC 2308, section 5)
	TTL   uint32 // seconds; see Classify

	soa Record
}

// Classify reads a whole response and tells what it says. TTL is how long, in seconds, every
// record of it is good; for a denial with an SOA record, which itself is good for the lesser
// of its TTL and its MINIMUM, that counts (RFC 2308, section 5).
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

// scan goes through all records. The TTL of a message without any is 0.
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

// maxAliases is how many aliases in a row are followed. Resolvers give up at fewer.
const maxAliases = 16

// answered reports whether the answer section has what q asks for, at its name or where that
// leads by aliases (RFC 1034, section 3.6.2), in whatever order they stand.
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

// look searches the answer section at a name: for what q asks for, or else for an alias,
// whose target begins at the offset returned, 0 for none.
func (q *Query) look(msg []byte, at Name) (found bool, target int) {
	for w := Walk(msg); w.Next() && w.Section == Answer; {
		if w.Class != q.Class && q.Class != AnyClass || !EqualAt(msg, w.Owner, at) {
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
