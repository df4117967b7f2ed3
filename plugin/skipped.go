package kubernetes

import (
	"sync"
	"time"

	"github.com/neardns/neardns/plugin/object"
)

// skips reports parts of objects that can't be used: all are counted, and few are logged, as
// whoever may change an object can bring them about at any rate.
type skips struct {
	tooLong once // names; they stay as long as the object does

	mu     sync.Mutex
	logged map[string]time.Time // objects, of the last minute
}

const (
	skipAgain   = time.Minute // between two lines about one object
	mostSkipped = 1024        // objects in such a time; what is wrong with more is counted
)

// skipped takes note of one part.
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

// due reports whether a line about the object is due, and takes note that it is written.
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
