package upstream

import (
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// call is one Exchange while it lasts: a query, and where its answer goes. The Exchange owns
// it and hands it to carriers, one for each time that the query is asked. A carrier touches
// it only under its own lock, and not at all once it was withdrawn.
type call struct {
	query []byte     // the message, in a buffer of the call's own
	q     wire.Query // what it says
	opt   bool       // it has an OPT record, and may go without
	scope Scope
	asks  []ask // in order; only the Exchange looks here
	timer *time.Timer
	wake  chan struct{} // holds one: look at the state below

	mu      sync.Mutex
	pending uint32         // bit k: asks[k] may still be answered
	lost    [losses]uint32 // bit k: asks[k] ended without a good answer, and was not looked at
	retry   int            // the ask to repeat otherwise, or -1
	how     repeat         // how to repeat it
	have    verdict
	from    int // the ask that was answered, where have is not none
	dst     []byte
	base    int // where the answer begins in dst
	err     error
}

// ask is one time that a query is asked.
type ask struct {
	server *server
	by     carrier
	id     uint16
	at     time.Duration // since the Forward was made
	udp    bool
	bare   bool // without the OPT record
	void   bool // it counts no more, and its place is free
}

// repeat is how an ask is repeated to the same server.
type repeat uint8

const (
	overTCP    repeat = iota
	withoutOPT        // over what it went before
)

// loss is how an ask ended without a good answer.
type loss uint8

const (
	failed loss = iota // the server answered badly or not at all, or could not be reached
	mute               // its connection was closed before the server said anything on it
	cut                // its connection was closed after the server had said something
	losses
)

// carrier takes a query to a server: a conn or a datagram.
type carrier interface {
	// withdraw takes the call of an ask back: it is not touched after.
	withdraw(id uint16, c *call)
	// held reports whether the query may be waiting for nothing but an older one.
	held(id uint16) bool
}

// verdict is what an answer is worth.
type verdict uint8

const (
	none verdict = iota
	poor         // returned only if there is no good one: truncated, or of an RCODE to fail over
	good
)

func newCall() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &call{timer: timer, wake: make(chan struct{}, 1)}
}

// call returns a call that appends the answer to q to dst.
func (p *Forward) call(dst []byte, q *wire.Query, options []byte, scope Scope) *call {
	c := p.freshCall(dst, scope)
	c.query, c.q, c.opt = wire.AppendQuery(c.query[:0], q, options), *q, true
	return c
}

// ownCall returns a call of one of the Forward's own queries.
func (p *Forward) ownCall(q *ownQuery) *call {
	c := p.freshCall(nil, p.conf.scope(Cluster))
	c.query, c.q, c.opt = append(c.query[:0], q.msg...), q.Query, q.EDNS
	return c
}

func (p *Forward) freshCall(dst []byte, scope Scope) *call {
	c := p.calls.Get().(*call)
	c.scope = scope
	c.pending, c.lost, c.retry, c.have, c.err = 0, [losses]uint32{}, -1, none, nil
	c.dst, c.base = dst, len(dst)
	return c
}

// free withdraws c wherever it still is and gives it back.
func (p *Forward) free(c *call) {
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
	p.calls.Put(c)
}

// add notes one more ask, before its carrier can answer, and returns its number.
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

// void has those asks count no more whose bits are set. They have ended.
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

// remove takes back ask k: nothing could carry it.
func (c *call) remove(k int) {
	c.void(1 << k)
	c.mu.Lock()
	c.pending &^= 1 << k
	c.mu.Unlock()
}

// matches reports whether m answers the query by all but the ID, and gives it the query's.
func (c *call) matches(m wire.Message) bool {
	m.SetID(c.q.ID)
	return c.q.Matches(m)
}

// answer takes m, which matches, as the answer to ask k. The first good one stays.
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

// again ends ask k: the query has to be asked again otherwise. m, if any, is the answer, which
// is truncated or refuses the OPT record.
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

// appendQuery appends the query with an ID of ours, without its OPT record if bare.
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

func (c *call) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// news is what happened to a call since it was last looked at.
type news struct {
	have    verdict
	pending uint32
	lost    [losses]uint32
	retry   int
	how     repeat
}

func (c *call) look() news {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := news{c.have, c.pending, c.lost, c.retry, c.how}
	c.lost, c.retry = [losses]uint32{}, -1
	return n
}
