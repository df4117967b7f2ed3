package resolve

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"sync/atomic"

	"github.com/neardns/neardns/internal/wire"
)

// loops notices our own queries that an upstream sends back to us. They are for names that nobody else
// asks for.
type loops struct {
	open atomic.Int32 // how many names are looked for

	mu    sync.Mutex
	times map[string]int // lower-case first label -> how often it was seen
}

// ComesBack calls ask with a query for a name below zone that nobody else asks for, and reports
// whether that query came in here. If it did not, the error is ask's.
func (r *Resolver) ComesBack(zone wire.Name, ask func(q *wire.Query) error) (bool, error) {
	var id [16]byte
	rand.Read(id[:])
	label := hex.EncodeToString(id[:])
	name := append(wire.Name{byte(len(label))}, label...)
	if len(zone) == 0 || len(name)+len(zone) > wire.MaxName {
		zone = wire.Name{0}
	}
	r.loops.set(label, true)
	defer r.loops.set(label, false)
	q := wire.Query{RD: true, Name: append(name, zone...), Type: wire.HINFO, Class: wire.IN} // HINFO, as the stock plugin asks
	err := ask(&q)
	if r.loops.saw(label) {
		return true, nil
	}
	return false, err
}

// set begins to look for a label, or stops.
func (l *loops) set(label string, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !open {
		delete(l.times, label)
		l.open.Add(-1)
		return
	}
	if l.times == nil {
		l.times = map[string]int{}
	}
	l.times[label] = 0
	l.open.Add(1)
}

// saw reports whether a query for a label came in.
func (l *loops) saw(label string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times[label] > 0
}

// seen notes that a query for name came in, and reports whether the name is looked for.
func (l *loops) seen(name wire.Name) bool {
	if l.open.Load() == 0 {
		return false
	}
	var buf [wire.MaxName]byte
	label := wire.Name(name.AppendLower(buf[:0])).Label()
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.times[string(label)]
	if ok {
		l.times[string(label)] = n + 1
	}
	return ok
}
