package lane

import (
	"bytes"
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// nameOf returns a name that the reply points to. It is valid until the next one.
func (q *query) nameOf(n *reply.Name, origin string) wire.Name {
	b := n.AppendTo(append(q.name[:0], 0), origin)
	setLengths(b)
	b[len(b)-1] = 0
	return b
}

// writeNames writes PTR or NS records, and the addresses of the names that they point to.
func (q *query) writeNames() {
	a, extras := &q.reply.Answer, q.reply.Extra
	for i := range a.Names {
		q.atQuestion()
		q.appendNameOf(i, len(a.Names) > 1 || len(extras) > 0)
		if !q.End(wire.Answer) {
			return
		}
	}
	for i := range extras {
		q.appendNameOf(extras[i].Name, true)
		if !q.endExtra(extras[i].Addr) {
			return
		}
	}
}

// appendNameOf appends a name that the reply points to.
func (q *query) appendNameOf(i int, compress bool) {
	a := &q.reply.Answer
	n := q.nameOf(&a.Names[i], a.Origin)
	if compress {
		q.Compress(n)
	} else {
		q.Buf = append(q.Buf, n...)
	}
}

// endExtra ends an address record of the additional section, and reports whether it had room.
func (q *query) endExtra(addr netip.Addr) bool {
	t := wire.AAAA
	if addr.Is4() {
		t = wire.A
	}
	q.Fixed(t, q.reply.Answer.TTL)
	q.appendAddr(addr)
	return q.End(wire.Additional)
}

// The targets of SRV records are names of one Service and of its endpoints:
//
//	[ endpoint [ . cluster ] . ] service . namespace . svc . zone
//	                             `------------- base -----------´
//
// They are not compressed (RFC 2782), but the owners of their addresses are. As a reply may be cut
// at any record, each must take as many bytes here as in CoreDNS.

// writeTargets writes SRV records, and the addresses of their targets.
func (q *query) writeTargets() {
	a := &q.reply.Answer
	base := q.nameOf(&reply.Name{Key: a.Names[0].Key}, a.Origin)
	baseAt := q.inQuestion(base)
	q.targets = q.targets[:0]
	for i := range a.Names {
		q.atQuestion()
		q.Buf = append(q.Buf, 0, 0, byte(a.Weight>>8), byte(a.Weight), byte(a.Ports[i]>>8), byte(a.Ports[i]))
		q.targets = append(q.targets, uint16(q.Offset()))
		q.Buf = appendEndpoint(q.Buf, &a.Names[i])
		if baseAt == 0 {
			baseAt = q.Offset()
		}
		q.Buf = append(q.Buf, base...)
		if !q.End(wire.Answer) {
			return
		}
	}
	for _, e := range q.reply.Extra {
		if !q.Point(int(q.targets[e.Name])) {
			q.appendFar(&a.Names[e.Name], baseAt)
		}
		if !q.endExtra(e.Addr) {
			return
		}
	}
}

// inQuestion returns where a name stands at the end of the question's, in the same letter case, or 0.
func (q *query) inQuestion(n wire.Name) int {
	if !bytes.HasSuffix(q.Name, n) {
		return 0
	}
	return wire.HeaderLen + len(q.Name) - len(n)
}

// appendFar appends the name of an endpoint that stands so far from the beginning that no pointer
// reaches it. Pointers reach its base, and often the first name of its cluster.
func (q *query) appendFar(n *reply.Name, baseAt int) {
	q.Buf = appendLabel(q.Buf, n.Label)
	if n.Cluster != "" {
		if q.pointToCluster(n.Cluster) {
			return
		}
		q.Buf = appendLabel(q.Buf, n.Cluster)
	}
	q.Point(baseAt)
}

// pointToCluster appends a pointer to the first name of a cluster, if one reaches it.
func (q *query) pointToCluster(cluster string) bool {
	for i := range q.reply.Answer.Names {
		if n := &q.reply.Answer.Names[i]; n.Cluster == cluster {
			return q.Point(int(q.targets[i]) + 1 + len(n.Label))
		}
	}
	return false
}
