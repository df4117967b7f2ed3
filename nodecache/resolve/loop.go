package resolve

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"sync/atomic"

	"github.com/neardns/neardns/internal/wire"
)

// loops finds upstreams that send our own queries back to us: a name that nobody else asks
// for is asked of an upstream, and seen here if that leads back.
type loops struct {
	open atomic.Int32 // names looked for

	mu    sync.Mutex
	times map[string]int // lower-case first label -> how often it was seen
}

// Trap is a name whose coming back is noticed. Close it after use.
type Trap struct {
	Query wire.Query // HINFO, as the stock plugin asks
	loops *loops
	label string
}

// Trap makes a name below zone.
func (r *Resolver) Trap(zone wire.Name) *Trap {
	var id [16]byte
	rand.Read(id[:])
	label := hex.EncodeToString(id[:])
	name := append(wire.Name{byte(len(label))}, label...)
	if len(zone) == 0 || len(name)+len(zone) > wire.MaxName {
		zone = wire.Name{0}
	}
	name = append(name, zone...)
	r.loops.set(label, true)
	return &Trap{wire.Query{RD: true, Name: name, Type: wire.HINFO, Class: wire.IN}, &r.loops, label}
}

// ComesBack calls ask with a query for a name below zone that nobody else asks for, and reports
// whether that query came in here. If it did not, the error is ask's.
func (r *Resolver) ComesBack(zone wire.Name, ask func(q *wire.Query) error) (bool, error) {
	trap := r.Trap(zone)
	defer trap.Close()
	err := ask(&trap.Query)
	if trap.Seen() {
		return true, nil
	}
	return false, err
}

// Seen reports whether the name came back.
func (t *Trap) Seen() bool {
	t.loops.mu.Lock()
	defer t.loops.mu.Unlock()
	return t.loops.times[t.label] > 0
}

// Close stops looking for the name.
func (t *Trap) Close() { t.loops.set(t.label, false) }

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

// seen notes that name was asked for, and reports whether it is looked for.
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
