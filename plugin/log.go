package kubernetes

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/neardns/neardns/internal/logqueue"
	"github.com/neardns/neardns/plugin/object"
)

// log takes all lines of the plugin. Nobody waits for it: if nobody reads the standard output, the
// records must go on changing.
var log = newLogger(clog.NewWithPlugin(pluginName))

// logRoom is how many bytes of lines may wait to be written.
const logRoom = 64 << 10

// logger passes lines on to CoreDNS's log.
type logger struct{ queue *logqueue.Queue }

func newLogger(to clog.P) logger {
	q := logqueue.New(logRoom, func(l logqueue.Line) error {
		switch l.Level {
		case slog.LevelError:
			to.Error(l.Text)
		case slog.LevelWarn:
			to.Warning(l.Text)
		default:
			to.Info(l.Text)
		}
		return nil
	})
	q.OnLoss(func(lines uint64) {
		to.Warningf("%d lines of this plugin's log were dropped: nobody read them in time", lines)
	})
	return logger{q}
}

// FlushLog waits until the plugin's lines are written, for 10 s at most. A program calls it before
// it ends.
func FlushLog() { log.queue.Flush(10 * time.Second) }

func (l logger) put(level slog.Level, text string) {
	_ = l.queue.Put(logqueue.Line{Level: level, Text: text}) // the queue counts what it drops
}

// Info logs a line.
func (l logger) Info(text string) { l.put(slog.LevelInfo, text) }

// Warning logs a line that someone should look at.
func (l logger) Warning(text string) { l.put(slog.LevelWarn, text) }

// Infof is Info with a format.
func (l logger) Infof(format string, args ...any) { l.Info(fmt.Sprintf(format, args...)) }

// Warningf is Warning with a format.
func (l logger) Warningf(format string, args ...any) { l.Warning(fmt.Sprintf(format, args...)) }

// Errorf logs that something does not work.
func (l logger) Errorf(format string, args ...any) {
	l.put(slog.LevelError, fmt.Sprintf(format, args...))
}

// once logs each thing one time, and no more than mostSaid things an hour: whoever may create a
// Service can cause any number.
type once struct {
	mu    sync.Mutex
	said  map[string]struct{} // keys
	since time.Time           // the first of them
}

const mostSaid = 128

// warn logs line, unless it logged one with this key.
func (o *once) warn(key, line string) {
	if o.first(key, time.Now()) {
		log.Warning(line)
	}
}

// first reports whether key is new, and notes it.
func (o *once) first(key string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.said[key]; ok {
		return false
	}
	if len(o.said) >= mostSaid {
		if now.Sub(o.since) < time.Hour {
			return false
		}
		o.said = nil
	}
	if o.said == nil {
		o.said, o.since = map[string]struct{}{}, now
	}
	o.said[key] = struct{}{}
	return true
}

// skips reports parts of objects that can't be served. It counts all of them and logs few, as
// whoever may change an object can cause any number.
type skips struct {
	tooLong once // of names, which stay too long as long as the object stays

	mu     sync.Mutex
	logged map[string]time.Time // by object, for skipAgain
}

const (
	skipAgain   = time.Minute // between two lines about one object
	mostSkipped = 1024        // objects in that time; more are only counted
)

// skipped reports one part.
func (s *skips) skipped(p object.Problem) {
	objectsSkipped.WithLabelValues(p.Kind).Inc()
	name := p.Kind + " " + p.Namespace + "/" + p.Name
	switch {
	case p.TooLong:
		s.tooLong.warn(name+" "+p.Field, "Skipped "+p.String())
	case s.due(name, time.Now()):
		log.Warningf("Skipped %v", p)
	}
}

// due reports whether a line about the object is due, and notes that it is written.
func (s *skips) due(name string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.logged[name]; ok && now.Sub(at) < skipAgain {
		return false
	}
	if len(s.logged) >= mostSkipped {
		for name, at := range s.logged {
			if now.Sub(at) >= skipAgain {
				delete(s.logged, name)
			}
		}
	}
	if len(s.logged) >= mostSkipped {
		return false
	}
	if s.logged == nil {
		s.logged = map[string]time.Time{}
	}
	s.logged[name] = now
	return true
}
