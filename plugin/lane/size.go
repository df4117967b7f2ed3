package lane

import (
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// What a record takes beside its names.
const (
	fixedLen = 2 + 2 + 4 + 2 // type, class, TTL, length of the data
	soaLen   = 5 * 4         // the numbers of an SOA record
	srvLen   = 3 * 2         // priority, weight, port
)

// whole returns Verdict.Size.
func (q *query) whole() int {
	a, owner := &q.reply.Answer, len(q.Name)+fixedLen
	size := wire.HeaderLen + len(q.Name) + 2 + 2 // the question's type and class
	switch a.Type {
	case 0, wire.SOA:
		return size + fixedLen + len(reply.NameServerLabels) + len(reply.MailboxLabels) + 3*q.originLen() + soaLen
	case wire.A:
		return size + len(a.Addrs)*(owner+4)
	case wire.AAAA:
		return size + len(a.Addrs)*(owner+16)
	case wire.TXT:
		return size + owner + 1 + len(a.Text)
	case wire.CNAME:
		return size + owner + len(strings.TrimSuffix(a.Target, ".")) + 2
	case wire.SRV:
		owner += srvLen
	}
	return size + len(a.Names)*owner + q.wholeNames()
}

// wholeNames returns how many bytes the names that the reply points to take, and the records of
// their addresses.
func (q *query) wholeNames() (size int) {
	a := &q.reply.Answer
	for i := len(q.lengths); i < len(a.Names); i++ { // those that had no room
		q.lengths = append(q.lengths, uint8(len(q.nameOf(&a.Names[i], a.Origin))))
	}
	for _, n := range q.lengths {
		size += int(n)
	}
	for i := range q.reply.Extra {
		e := &q.reply.Extra[i]
		size += int(q.lengths[e.Name]) + fixedLen + e.Addr.BitLen()/8
	}
	return size
}
