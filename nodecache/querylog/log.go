package querylog

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// Log passes entries from the goroutines that answer to the one that writes.
type Log struct {
	handler slog.Handler
	queue   chan Entry
	dropped atomic.Uint64
}

// New returns a Log that writes to h at level Info. At most size entries wait to be written. Each
// takes some 400 bytes.
func New(h slog.Handler, size int) *Log {
	return &Log{handler: h, queue: make(chan Entry, max(size, 1))}
}

// Put queues a copy of e. It never waits: if the queue is full, it drops e.
func (l *Log) Put(e *Entry) {
	select {
	case l.queue <- *e:
	default:
		l.dropped.Add(1)
	}
}

// Dropped returns how many entries were not written because the queue was full or the handler
// returned an error.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Run writes entries until ctx ends, and then those that still wait. It returns after the last call
// of the handler. Call it once. Entries that are put later are not written.
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
	// The query is answered, and Run's ctx may have ended, so there is no context to pass.
	if l.handler.Handle(context.Background(), e.record()) != nil {
		l.dropped.Add(1)
	}
}
