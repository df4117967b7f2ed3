package lane

import (
	"sync"
	"time"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
)

// Lane answers the queries of one listener. Its fields don't change once it is used. Its methods are
// safe for concurrent use. It must not be copied.
type Lane struct {
	Cookies *cookie.Maker
	Idle    time.Duration // after which the listener closes a TCP connection without a query

	queries sync.Pool // of *query
}

// Outcome is what became of a query.
type Outcome uint8

// The outcomes.
const (
	PassedOn Outcome = iota // CoreDNS has to answer it
	Answered                // from the records of a block
	Refused                 // malformed, of another version of EDNS, or without a question: answered with a code
	Dropped                 // not answered at all: it is no query
)

// Verdict says what became of a query. Queries that were Refused have nothing but an Outcome and an
// Rcode, others that were not Answered nothing but an Outcome.
type Verdict struct {
	Outcome Outcome
	Rcode   wire.Rcode // of the reply
	DO      bool       // the query has the DO bit
	Type    wire.Type  // of the question
	Block   *Block     // whose records these are
	Count   *tally.Zone

	// Size is how many bytes the reply has for CoreDNS's prometheus plugin: uncompressed, without
	// its OPT record, and not yet cut to what the client takes.
	Size int

	// What is the same number for questions of which one comparison is enough: a name and a type
	// with records, or the denials of a type, with one code, below one namespace. In another process
	// it is another number.
	What uint64
}

// Answer appends the reply to msg, which came from c, to dst, and says what became of the query. It
// changes neither msg nor, unless there is a reply, the length of dst.
func (l *Lane) Answer(t *Table, dst, msg []byte, c *listen.Client) ([]byte, Verdict) {
	q, ok := l.queries.Get().(*query)
	if !ok {
		q = new(query)
	}
	defer l.queries.Put(q)
	status := q.Parse(msg)
	if c.Cut && (status == wire.Valid || status == wire.CookieOnly) {
		status = wire.FormErr // the rest of the query is missing, whatever it said
	}
	switch status {
	case wire.Drop:
		return dst, Verdict{Outcome: Dropped}
	case wire.NotImp: // UPDATE, NOTIFY, ...: plugins may take these
		return dst, Verdict{}
	case wire.Valid:
		return l.answer(q, t, dst, c)
	}
	return l.refuse(q, status, dst, c)
}

// refuse answers a query that no block has to see.
func (l *Lane) refuse(q *query, status wire.Status, dst []byte, c *listen.Client) ([]byte, Verdict) {
	rcode := status.Rcode()
	if status != wire.CookieOnly { // options of a query that is not understood get no answer
		return wire.AppendReply(dst, &q.Query, rcode, 0, nil), Verdict{Outcome: Refused, Rcode: rcode}
	}
	if len(q.Cookie) > cookie.ClientLen && !l.Cookies.Valid(q.Cookie, c.Remote.Addr(), time.Now()) {
		rcode = wire.BadCookie // RFC 7873, section 5.4
	}
	l.setOptions(q, c)
	return wire.AppendReply(dst, &q.Query, rcode, 0, &q.options), Verdict{Outcome: Refused, Rcode: rcode}
}

// answer answers a whole query from the block that its name belongs to, or passes it on.
func (l *Lane) answer(q *query, t *Table, dst []byte, c *listen.Client) ([]byte, Verdict) {
	if q.Class != wire.IN || q.Type.Meta() || q.Type == wire.DS || q.More || !q.read() {
		return dst, Verdict{}
	}
	z := t.find(q.lower)
	if z == nil || !z.Block.takes(q) || !q.ask(z.Block, c.TCP) {
		return dst, Verdict{}
	}
	l.setOptions(q, c)
	reply, ok := q.write(dst, z.Block.Rotate)
	if !ok {
		return dst, Verdict{}
	}
	return reply, Verdict{
		Outcome: Answered, Rcode: q.reply.Rcode, DO: q.DO, Type: q.Type, Block: z.Block, Count: z.Count, Size: q.whole(), What: q.what(),
	}
}

// setOptions sets the EDNS options of the reply to q.
func (l *Lane) setOptions(q *query, c *listen.Client) {
	q.options = wire.Options{}
	if q.Cookie != nil {
		q.options.Cookie = l.Cookies.Append(q.cookie[:0], q.Cookie, c.Remote.Addr(), time.Now())
	}
	if c.TCP && q.Keepalive { // never over UDP (RFC 7828, section 3.2.1)
		q.options.KeepAlive(l.Idle, c.Leaving)
	}
}
