package upstream

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// allowance is how many queries a server answers on one connection before it closes that, which
// for some is one. It is learned from connections that were closed while an answer was owed:
// what they say counts once it comes sure times in a row, each time of a connection opened after
// the one before was closed. A server that is restarted closes many at the same time.
//
// More queries than that are not written. They wait on a connection until that is closed, and
// go to the next. A server that leaves it open has changed its mind, and all is forgotten.
type allowance struct {
	most atomic.Int32 // 0 for any number

	mu    sync.Mutex
	seen  int           // what the last connection answered
	times int           // how often that came in a row
	at    time.Duration // when the last of them was closed
}

const sure = 3

// closed takes in that the server closed a connection after so many answers, and owed another.
func (a *allowance) closed(answers int, opened, now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if opened < a.at {
		return
	}
	if answers != a.seen {
		a.seen, a.times = answers, 0
	}
	a.at = now
	if a.times++; a.times >= sure {
		a.most.Store(int32(min(answers, math.MaxInt32))) // #nosec G115 -- bounded
	}
}

// forget lets a connection have any number of queries again.
func (a *allowance) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = 0
	a.most.Store(0)
}

// conns returns how many connections the server may have where others have most: as many as
// carry what one connection of another server does before there is a second.
func (a *allowance) conns(most int) int {
	if n := int(a.most.Load()); n > 0 {
		return max(most, connBusy/n)
	}
	return most
}

// spent reports whether c took all queries that the server answers on it.
func (c *conn) spent() bool {
	most := c.server.allowance.most.Load()
	return most > 0 && c.taken.Load() >= most
}

// room returns how many more queries may be written. The caller holds mu.
func (c *conn) room() int {
	if most := c.server.allowance.most.Load(); most > 0 {
		return int(most) - c.written
	}
	return math.MaxInt
}

// owes reports whether a query that was written has no answer. The caller holds mu.
func (c *conn) owes() bool { return c.written > c.said }

// goesOn reports whether the server leaves c open, though it answered all that it answers on one.
func (c *conn) goesOn(now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said > 0 && c.room() <= 0 && !c.owes() && now-c.word > tick
}

// wake has connections write again that had no room.
func wake(scopes [][]*conn) {
	for _, c := range slices.Concat(scopes...) {
		c.mu.Lock()
		c.ready.Signal()
		c.mu.Unlock()
	}
}
