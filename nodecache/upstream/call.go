package upstream

import (
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// call is one Exchange while it lasts: its query, and where the answer goes. The Exchange owns it
// and lends it to carriers, one for each time that it asks the query. A carrier touches the call
// only under the carrier's own lock, and not at all after withdraw.
type call struct {
	query []byte     // the message, in a buffer of the call's own
	q     wire.Query // what the message says; its name is the caller's
	opt   bool       // the message has an OPT record, and may be sent without
	scope Scope
	asks  []ask // in order; only the Exchange looks here
	timer *time.Timer
	wake  chan struct{} // holds one: look at the state below

	mu      sync.Mutex
	pending uint32         // bit k: asks[k] may still be answered
	lost    [losses]uint32 // bit k: asks[k] ended without a good answer, and the Exchange does not know yet
	retry   int            // the ask to repeat in another way, or -1
	how     repeat         // how to repeat it
	have    verdict
	from    int // the ask that was answered, unless have is none
	dst     []byte
	base    int // where the answer begins in dst
	err     error
}

// ask is one time that a query is asked.
type ask struct {
	server *server
	by     carrier
	id     uint16
	at     time.Duration // on the Forward's clock
	udp    bool
	bare   bool // without the OPT record
	void   bool // it does not count any more, and its place is free
}

// repeat is how an ask is repeated to the same server.
type repeat uint8

const (
	overTCP    repeat = iota
	withoutOPT        // over the same protocol
)

// loss is how an ask ended without a good answer.
type loss uint8

const (
	failed loss = iota // the server's answer was bad, or there was none, or the server could not be reached
	mute               // its connection was closed before the server had sent anything on it
	cut                // its connection was closed after the server had sent something
	losses
)

// carrier takes a query to a server: a conn or a datagram.
type carrier interface {
	// withdraw takes back a call of which one ask has this ID. The carrier no longer touches it.
	withdraw(id uint16, c *call)
	// held reports whether the query may be waiting only because an older one keeps the server busy.
	held(id uint16) bool
}

// verdict is what an answer is worth.
type verdict uint8

const (
	none verdict = iota
	poor         // to be returned only if there is no good one: truncated, or of an RCODE to fail over
	good
)

func newCall() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &call{timer: timer, wake: make(chan struct{}, 1)}
}

// call returns a call that appends its answer to dst. It has no query yet.
func (f *Forward) call(dst []byte, scope Scope) *call {
	c := f.calls.Get().(*call)
	c.scope = scope
	c.pending, c.lost, c.retry, c.have, c.err = 0, [losses]uint32{}, -1, none, nil
	c.dst, c.base = dst, len(dst)
	return c
}

// free withdraws c from every carrier that still has it, and gives it back.
func (f *Forward) free(c *call) {
	c.timer.Stop()
	for pending := c.look().pending; pending != 0; pending &= pending - 1 {
		a := &c.asks[bits.TrailingZeros32(pending)]
		a.by.withdraw(a.id, c)
	}
	select {
	case <-c.wake:
	default:
	}
	clear(c.asks)
	c.asks = c.asks[:0]
	c.q, c.dst, c.err = wire.Query{}, nil, nil
	f.calls.Put(c)
}

// ask makes q, with an OPT record that has those options, the query of the call.
func (c *call) ask(q *wire.Query, options []byte) {
	c.query, c.q, c.opt = wire.AppendQuery(c.query[:0], q, options), *q, true
}

// askOwn makes q the query of the call.
func (c *call) askOwn(q *ownQuery) {
	c.query, c.q, c.opt = append(c.query[:0], q.msg...), q.Query, q.EDNS
}

// add notes one more ask and returns its number. It must come before a carrier has the ask and
// could answer it.
func (c *call) add(s *server, at time.Duration, udp, bare bool) int {
	k := slices.IndexFunc(c.asks, func(a ask) bool { return a.void })
	if k < 0 {
		k, c.asks = len(c.asks), append(c.asks, ask{})
	}
	c.asks[k] = ask{server: s, at: at, udp: udp, bare: bare}
	c.mu.Lock()
	c.pending |= 1 << k
	c.mu.Unlock()
	return k
}

// void makes the asks whose bits are set count no more. They must have ended.
func (c *call) void(which uint32) {
	for ; which != 0; which &= which - 1 {
		k := bits.TrailingZeros32(which)
		c.asks[k].void, c.asks[k].by = true, nil
	}
}

// tries returns how many asks count.
func (c *call) tries() (n int) {
	for k := range c.asks {
		if !c.asks[k].void {
			n++
		}
	}
	return n
}

// remove takes back ask k, which nothing could carry.
func (c *call) remove(k int) {
	c.void(1 << k)
	c.mu.Lock()
	c.pending &^= 1 << k
	c.mu.Unlock()
}

// carriedBy reports whether a connection has carried the call.
func (c *call) carriedBy(by *conn) bool {
	for k := range c.asks {
		if c.asks[k].by == carrier(by) {
			return true
		}
	}
	return false
}

// matches gives m the query's ID, and reports whether m then answers the query.
func (c *call) matches(m wire.Message) bool {
	m.SetID(c.q.ID)
	return c.q.Matches(m)
}

// answer takes m, which matches, as the answer to ask k. The first good answer stays.
func (c *call) answer(k int, m wire.Message, worth verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending &^= 1 << k
	if c.have == good {
		return
	}
	c.dst = appendAnswer(c.dst[:c.base], m, &c.q)
	c.have, c.from = worth, k
	if worth != good {
		c.lost[failed] |= 1 << k
	}
	c.signal()
}

// again ends ask k because the query has to be asked in another way. m is the answer, which is
// truncated or refuses the OPT record; nil if there is none.
func (c *call) again(k int, m wire.Message, how repeat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending &^= 1 << k
	if c.have == none && m != nil {
		c.dst = appendAnswer(c.dst[:c.base], m, &c.q)
		c.have, c.from = poor, k
	}
	c.retry, c.how = k, how
	c.signal()
}

// lose ends ask k without an answer.
func (c *call) lose(k int, err error, how loss) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending &^= 1 << k
	c.lost[how] |= 1 << k
	c.err = err
	c.signal()
}

// appendQuery appends the query under another ID, and without its OPT record if bare.
func (c *call) appendQuery(dst []byte, id uint16, bare bool) []byte {
	start := len(dst)
	dst = append(dst, c.query...)
	m := wire.Message(dst[start:])
	m.SetID(id)
	if bare {
		m = m.StripOPT()
	}
	return dst[:start+len(m)]
}

// signal wakes the Exchange. The caller holds mu.
func (c *call) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// news is the state of a call, and what happened to it since the Exchange last looked.
type news struct {
	have    verdict
	pending uint32
	lost    [losses]uint32
	retry   int
	how     repeat
}

// look returns the news. The Exchange knows them from then on.
func (c *call) look() news {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := news{c.have, c.pending, c.lost, c.retry, c.how}
	c.lost, c.retry = [losses]uint32{}, -1
	return n
}

// appendAnswer appends m, which matches q. If m lacks the question, only its RCODE is used, in a
// reply that has the question.
func appendAnswer(dst []byte, m wire.Message, q *wire.Query) []byte {
	if q.Asked(m) {
		return append(dst, m...)
	}
	return wire.AppendHeader(dst, q, m.HeaderRcode(), wire.RA)
}
