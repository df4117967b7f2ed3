package lane

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// write appends the reply as a message. It returns false if CoreDNS has to answer: a reply that is
// cut must end where CoreDNS cuts it, and for sets of names that is not worth the work.
func (q *query) write(dst []byte, rotate bool) (message []byte, ok bool) {
	r := &q.reply
	if r.Error.Set {
		q.options.Error = r.Error
	}
	q.Open(dst, &q.Query, r.Rcode, wire.AA, q.size, &q.options)
	switch r.Answer.Type {
	case 0:
		q.writeSOA(wire.Authority, &r.SOA)
	case wire.SOA:
		q.writeSOA(wire.Answer, &r.Answer.SOA)
	case wire.A, wire.AAAA:
		q.writeAddrs(rotate)
	case wire.SRV:
		q.writeTargets()
	case wire.PTR, wire.NS:
		q.writeNames()
	case wire.CNAME:
		if !isPlain(r.Answer.Target) {
			return dst, false
		}
		q.writeAlias()
	default: // dns-version's TXT: its TTL is not the block's, and the cache plugin may lower it
		return dst, false
	}
	if q.Cut() && !cuttable(r.Answer.Type) {
		return dst, false
	}
	return q.Close(r.Truncated), true
}

// cuttable reports whether a reply with records of type t is cut as CoreDNS cuts it, to the byte.
func cuttable(t wire.Type) bool { return t == wire.A || t == wire.AAAA || t == wire.SRV }

// atQuestion begins a record at the name that was asked.
func (q *query) atQuestion() {
	q.Point(wire.HeaderLen)
	q.Fixed(q.reply.Answer.Type, q.reply.Answer.TTL)
}

// writeAddrs writes the set of addresses, which begins anywhere if rotate says so.
func (q *query) writeAddrs(rotate bool) {
	addrs, first := q.reply.Answer.Addrs, 0
	if rotate && len(addrs) > 1 {
		first = rand.IntN(len(addrs))
	}
	if q.writeAddrList(addrs[first:]) {
		q.writeAddrList(addrs[:first])
	}
}

// writeAddrList writes addresses at the name that was asked, and reports whether all had room.
func (q *query) writeAddrList(addrs []netip.Addr) bool {
	for i := range addrs {
		q.atQuestion()
		q.appendAddr(addrs[i])
		if !q.End(wire.Answer) {
			return false
		}
	}
	return true
}

func (q *query) appendAddr(a netip.Addr) {
	if a.Is4() {
		b := a.As4()
		q.Buf = append(q.Buf, b[:]...)
		return
	}
	b := a.As16()
	q.Buf = append(q.Buf, b[:]...)
}

// writeAlias writes a CNAME record. The target is not compressed, because it would take the letter
// case of the name that was asked.
func (q *query) writeAlias() {
	q.atQuestion()
	q.Buf = appendName(q.Buf, q.reply.Answer.Target)
	q.End(wire.Answer)
}

// writeSOA writes the SOA record of the zone that was asked, whose name ends the question's.
func (q *query) writeSOA(s wire.Section, soa *reply.SOA) {
	origin := wire.HeaderLen + len(q.Name) - q.originLen()
	q.appendOrigin(origin)
	q.Fixed(wire.SOA, soa.TTL)
	q.Buf = appendLabels(q.Buf, reply.NameServerLabels)
	q.appendOrigin(origin)
	q.Buf = appendLabels(q.Buf, reply.MailboxLabels)
	q.appendOrigin(origin)
	for _, n := range [...]uint32{soa.Serial, soa.Refresh, soa.Retry, soa.Expire, soa.Minimum} {
		q.Buf = binary.BigEndian.AppendUint32(q.Buf, n)
	}
	q.End(s)
}

// originLen returns how many bytes the zone's name takes.
func (q *query) originLen() int {
	if q.question.Zone.Name == "." {
		return 1
	}
	return len(q.question.Zone.Name) + 1
}

// appendOrigin appends the zone's name, given where it stands.
func (q *query) appendOrigin(at int) {
	if q.question.Zone.Name == "." {
		q.Buf = append(q.Buf, 0)
		return
	}
	q.Point(at)
}
