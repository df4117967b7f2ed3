package metrics

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// collections collects the metrics once for all who ask at a time: of a storm of requests, those
// that come while one collection runs share the next. So each gets values that are newer than
// its request, and what all of them cost is bounded.
type collections struct {
	source http.Handler
	kept   chan struct{} // a place for each collection that somebody still gets

	mu      sync.Mutex
	next    *collection // that has not begun; nil if nobody waits
	running bool        // run does
	began   time.Time   // when the last one did; run's
}

// collectPause lies between the beginnings of two collections, each of which takes some
// milliseconds.
const collectPause = 50 * time.Millisecond

// What collections that are sent to somebody take: one more waits until another has been sent to
// all, for which the server gives a client some seconds (package admin).
const (
	keptMost = 8
	pageMost = 128 << 10 // of one, in bytes: with two blocks at two addresses it is some 90 KB

	Bytes = keptMost * pageMost // of all
)

// collection is one collection, in plain text and compressed. Other formats than Prometheus's text
// are not served: each would be collected again.
type collection struct {
	plain, packed page
	wantsPlain    bool
	wantsPacked   bool
	done          chan struct{} // closed when it is over
	users         atomic.Int32  // run, and those who get it
}

func newCollections(source http.Handler) *collections {
	return &collections{source: source, kept: make(chan struct{}, keptMost)}
}

// ServeHTTP answers with values as of now.
func (s *collections) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	packed := strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	c := s.join(packed)
	defer s.leave(c)
	select {
	case <-c.done:
	case <-r.Context().Done():
		return
	}
	p := &c.plain
	if packed {
		p = &c.packed
	}
	maps.Copy(w.Header(), p.header)
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body.Bytes()) // a client that is gone
}

// join has the next collection be also for one more.
func (s *collections) join(packed bool) *collection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &collection{done: make(chan struct{})}
		s.next.users.Add(1)
	}
	s.next.users.Add(1)
	if packed {
		s.next.wantsPacked = true
	} else {
		s.next.wantsPlain = true
	}
	if !s.running {
		s.running = true
		go s.run()
	}
	return s.next
}

// leave lets go of c, which the last one gives back.
func (s *collections) leave(c *collection) {
	if c.users.Add(-1) == 0 {
		<-s.kept
	}
}

// run collects for as long as somebody waits.
func (s *collections) run() {
	for s.wanted() {
		s.kept <- struct{}{}
		time.Sleep(collectPause - time.Since(s.began))
		s.began = time.Now()
		s.mu.Lock()
		c := s.next
		s.next = nil
		s.mu.Unlock()
		if c.wantsPlain {
			c.plain.take(s.source, "identity")
		}
		if c.wantsPacked {
			c.packed.take(s.source, "gzip")
		}
		close(c.done)
		s.leave(c)
	}
}

// wanted reports whether run goes on.
func (s *collections) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = s.next != nil
	return s.running
}

// page is an answer that many get.
type page struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// take has h answer.
func (p *page) take(h http.Handler, encoding string) {
	p.header, p.status = http.Header{}, http.StatusOK
	h.ServeHTTP(p, &http.Request{Method: http.MethodGet, Header: http.Header{"Accept-Encoding": {encoding}}})
}

// Header, WriteHeader and Write implement http.ResponseWriter.
func (p *page) Header() http.Header { return p.header }

// WriteHeader takes the status.
func (p *page) WriteHeader(status int) { p.status = status }

// Write takes more of the body.
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
