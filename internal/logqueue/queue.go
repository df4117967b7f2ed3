// Package logqueue stands between code that logs and a reader of the log who may not read.
//
//	code that logs --Put, Write--> Queue --one goroutine at a time--> a file, a pipe, a logger
//	                                 |
//	                                 +--> no room, or an error: dropped and counted
//
// Code that logs never waits. A pipe that nobody reads (write(2) blocks once 64 KiB are in it) holds
// up that one goroutine only.
package logqueue

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Line is one line of a log.
type Line struct {
	Level slog.Level
	Text  string
}

// overhead is roughly what a Line takes besides its text, in bytes.
const overhead = 64

// Queue holds lines and writes them one by one. All methods but OnLoss are safe for concurrent use.
type Queue struct {
	write   func(Line) error
	room    int
	lost    func(lines uint64)
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []Line
	held    int           // bytes of the lines in waiting, and of the line that is being written
	done    chan struct{} // closed when all lines are written; nil if there are none

	told uint64 // how many of the dropped lines OnLoss has told of; belongs to run
}

// New returns a Queue whose lines take at most room bytes. The function write writes one line, and
// may take its time. If it returns an error, the line counts as dropped.
func New(room int, write func(Line) error) *Queue { return &Queue{room: room, write: write} }

// OnLoss sets a function that the Queue calls after lines were dropped, as soon as all others are
// written. The function may log how many were dropped. Call OnLoss before anything is logged.
func (q *Queue) OnLoss(tell func(lines uint64)) { q.lost = tell }

// Dropped returns how many lines were dropped.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// errDropped says that there is no room for a line.
var errDropped = errors.New("the log's reader does not keep up")

// Put queues a line. It never waits. If there is no room, it drops the line and returns an error.
func (q *Queue) Put(l Line) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held+size(l) > q.room {
		q.dropped.Add(1)
		return errDropped
	}
	q.waiting, q.held = append(q.waiting, l), q.held+size(l)
	if q.done == nil {
		q.done = make(chan struct{})
		go q.run()
	}
	return nil
}

// Write puts p as one line. It implements io.Writer, for loggers that write a line per call.
func (q *Queue) Write(p []byte) (int, error) {
	if err := q.Put(Line{Text: string(p)}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush waits until all lines are written, or until limit has passed.
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

// next returns the next line. If there is none, it wakes the callers of Flush, and run ends.
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

// written gives back the room of a line. After the last line, if that could be written, it tells how
// many were dropped.
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
