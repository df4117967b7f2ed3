package upstream

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// allowance is how many queries a server answers on one connection before it closes it. For some
// servers it is one. It is learned from connections that were closed while an answer was owed:
// once sure of them in a row had the same number of answers, each opened after the one before
// was closed. Connections that were open at the same time don't count, as a server that restarts
// closes many at once.
//
// A connection writes no more queries than that. The others wait on it until it is closed, and
// then go to the next one. If a server leaves the connection open it has changed its ways, and
// the allowance is forgotten.
type allowance struct {
	most atomic.Int32 // 0 for any number

	mu    sync.Mutex
	seen  int           // how many answers the last connection had
	times int           // how often that came in a row
	at    time.Duration // when the last of these connections was closed
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
		a.most.Store(int32(min(answers, math.MaxInt32)))
	}
}

// forget allows any number of queries on a connection again.
func (a *allowance) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = 0
	a.most.Store(0)
}

// conns returns how many connections the server may have, if other servers may have most: enough
// to carry together as many queries as one busy connection to another server.
func (a *allowance) conns(most int) int {
	if n := int(a.most.Load()); n > 0 {
		return max(most, connBusy/n)
	}
	return most
}
