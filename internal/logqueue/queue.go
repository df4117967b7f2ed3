package logqueue

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Line is something to be logged.
type Line struct {
	Level slog.Level
	Text  string
}

// overhead is about what a Line takes beside its text, in bytes.
const overhead = 64

// Queue holds lines until they are written, one after the other. All methods are safe for
// concurrent use.
type Queue struct {
	write   func(Line) error
	room    int
	lost    func(lines uint64)
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []Line
	held    int           // bytes that the lines take, with the one that is being written
	done    chan struct{} // closed when the lines are written; nil while none are

	told uint64 // of those dropped; run's
}

// New returns a Queue whose lines take at most so many bytes. Write writes one of them, and may
// take its time. What it returns an error for is dropped.
func New(room int, write func(Line) error) *Queue { return &Queue{room: room, write: write} }

// OnLoss has tell called, where lines were dropped, once those that were not are written: it
// may log how many were. It must be called before anything is logged.
func (q *Queue) OnLoss(tell func(lines uint64)) { q.lost = tell }

// Dropped returns how many lines were dropped.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// ErrDropped says that there is no room for a line.
var ErrDropped = errors.New("the log's reader does not keep up")

// Put has a line written soon. It never waits: a line for which there is no room is dropped.
func (q *Queue) Put(l Line) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held+size(l) > q.room {
		q.dropped.Add(1)
		return ErrDropped
	}
	q.waiting, q.held = append(q.waiting, l), q.held+size(l)
	if q.done == nil {
		q.done = make(chan struct{})
		go q.run()
	}
	return nil
}

// Write puts p as one line. It implements io.Writer, for loggers that write each line at once.
func (q *Queue) Write(p []byte) (int, error) {
	if err := q.Put(Line{Text: string(p)}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush waits until all is written, or until the limit is over.
func (q *Queue) Flush(limit time.Duration) {
	q.mu.Lock()
	done := q.done
	q.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-time.After(limit):
	}
}

func size(l Line) int { return len(l.Text) + overhead }

// run writes lines until none are left.
func (q *Queue) run() {
	for {
		l, more := q.next()
		if !more {
			return
		}
		q.written(l, q.write(l))
	}
}

// next returns the next line. If there is none, those who flush are told, and it is over.
func (q *Queue) next() (l Line, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting = nil
		close(q.done)
		q.done = nil
		return Line{}, false
	}
	l = q.waiting[0]
	q.waiting[0] = Line{}
	q.waiting = q.waiting[1:]
	return l, true
}

// written gives back the room of a line. After the last one that could be written, it tells
// what was lost.
func (q *Queue) written(l Line, err error) {
	q.mu.Lock()
	q.held -= size(l)
	last := len(q.waiting) == 0
	q.mu.Unlock()
	if err != nil {
		q.dropped.Add(1)
		return
	}
	if n := q.dropped.Load() - q.told; last && n > 0 && q.lost != nil {
		q.told += n
		q.lost(n)
	}
}
