package lane

import (
	"hash/maphash"
	"strings"
	"unsafe"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
)

// query is a query and all memory that its answer takes. It serves one query after another.
type query struct {
	wire.Query
	wire.Builder
	options  wire.Options
	question reply.Question
	reply    reply.Reply
	size     int // bytes that the reply may have

	// The name as text, as it was asked and in lower case. Both are views of the buffers, and last
	// as long as the answer is being made: nothing keeps them.
	text, lower string

	buffers [2][wire.MaxName + 4]byte // four more for what
	cookie  [cookie.Len]byte
	name    [2 * wire.MaxName]byte // a name that is being written
	targets []uint16               // where the targets of SRV records stand in the message; see pointing.go
}

// plain maps the characters that names of a cluster are made of to lower case, and all others to 0.
// Any other character may mean something in text (RFC 1035, section 5.1).
var plain = func() (p [256]byte) {
	for c := range p {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			p[c] = byte(c)
		case 'A' <= c && c <= 'Z':
			p[c] = byte(c) | 0x20
		}
	}
	return p
}()

// isPlain reports whether text, with or without a dot at its end, is a name of nothing but plain
// characters.
func isPlain(text string) bool {
	text = strings.TrimSuffix(text, ".")
	label := 0
	for i := range len(text) {
		switch c := text[i]; {
		case plain[c] != 0 && label < zone.MaxLabel:
			label++
		case c == '.' && label > 0:
			label = 0
		default:
			return false
		}
	}
	return label > 0 && len(text)+2 <= zone.MaxName
}

// read sets the name as text. It returns false if the name has odd characters: no name of a cluster
// has, and CoreDNS says what becomes of others.
func (q *query) read() bool {
	text, lower, n := &q.buffers[0], &q.buffers[1], 0
	for off := 0; q.Name[off] != 0; {
		end := off + 1 + int(q.Name[off])
		for off++; off < end; off++ {
			c := q.Name[off]
			if plain[c] == 0 {
				return false
			}
			text[n], lower[n] = c, plain[c]
			n++
		}
		text[n], lower[n] = '.', '.'
		n++
	}
	if n == 0 { // the root
		text[0], lower[0], n = '.', '.', 1
	}
	q.text, q.lower = unsafe.String(&text[0], n), unsafe.String(&lower[0], n)
	return true
}

// takes reports whether queries such as q are answered from the block, which may be nil.
func (b *Block) takes(q *query) bool {
	return b != nil && !b.off.Load() && !(b.NSID && q.NSID)
}

// ask makes the reply of the block's records. It returns false if CoreDNS has to answer.
func (q *query) ask(b *Block, tcp bool) (ok bool) {
	if q.question, ok = b.Responder.Zones.QuestionLower(q.text, q.lower, q.Type); !ok {
		return false
	}
	q.size = wire.MaxMessage
	if !tcp {
		q.size = max(min(int(q.UDPSize), b.UDPSize), wire.MinUDPSize)
	}
	q.question.Size, q.question.EDNS = q.size, q.EDNS
	b.Responder.Answer(&q.question, &q.reply)
	r := &q.reply
	return !r.PassOn && !r.Follow && r.Rcode != wire.ServFail // not synced: CoreDNS says so
}

// seed makes numbers of what was answered.
var seed = maphash.MakeSeed()

// mostInvented is how many numbers there are for what is answered at names that clients invent. So a
// flood of those is not compared for ever.
const mostInvented = 1 << 16

// what returns Verdict.What.
func (q *query) what() uint64 {
	at, rest, denial := 0, q.question.Rest, q.reply.Answer.Type == 0
	if denial { // of all below a namespace
		if at = strings.LastIndexByte(rest, '.'); at > 0 {
			at = strings.LastIndexByte(rest[:at], '.')
		}
		at++
	}
	lower, n := &q.buffers[1], len(q.lower)
	n += copy(lower[n:], []byte{byte(q.Type >> 8), byte(q.Type), byte(q.reply.Rcode)})
	what := maphash.Bytes(seed, lower[at:n])
	if denial || strings.HasSuffix(rest, ".pod") { // with pods insecure, any address has a name
		what %= mostInvented
	}
	return what
}

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
	origin := reply.Length(a.Origin)
	for i := range a.Names {
		size += a.Names[i].Length(origin)
	}
	for i := range q.reply.Extra {
		e := &q.reply.Extra[i]
		size += a.Names[e.Name].Length(origin) + fixedLen + e.Addr.BitLen()/8
	}
	return size
}
