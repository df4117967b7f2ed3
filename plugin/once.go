package kubernetes

import (
	"sync"
	"time"
)

// once logs each thing one time, and no more than mostSaid things an hour: whoever may create
// a Service can bring them about.
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

// first reports whether key is new, and takes note of it.
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
