package querylog

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// Log passes entries from those who serve to the one who writes. Where no block asks for a
// log there is none.
type Log struct {
	handler slog.Handler
	queue   chan Entry
	dropped atomic.Uint64
}

// New returns a Log that writes to h at level Info. At most size entries, of some 400 bytes
// each, wait to be written.
func New(h slog.Handler, size int) *Log {
	return &Log{handler: h, queue: make(chan Entry, max(size, 1))}
}

// Put hands over a copy of e to be written. It never waits: with the queue full, e is dropped.
func (l *Log) Put(e *Entry) {
	select {
	case l.queue <- *e:
	default:
		l.dropped.Add(1)
	}
}

// Dropped returns how many entries were not written: the queue was full, or the handler would
// not take them.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Run writes entries until ctx ends, and then those that wait. It must run once, and returns
// no sooner than the handler does. What is put later is not written.
func (l *Log) Run(ctx context.Context) {
	for {
		select {
		case e := <-l.queue:
			l.write(&e)
		case <-ctx.Done():
			l.drain()
			return
		}
	}
}

func (l *Log) drain() {
	for range len(l.queue) {
		e := <-l.queue
		l.write(&e)
	}
}

func (l *Log) write(e *Entry) {
	// No context of a query's: it is answered, and ctx may have ended.
	if l.handler.Handle(context.Background(), e.record()) != nil {
		l.dropped.Add(1)
	}
}
