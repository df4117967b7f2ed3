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

// collections serves the metrics, which it collects once for many requests. Requests that come while
// one collection runs share the next one. So each client gets values that are newer than its request,
// and a storm of requests has a bounded cost.
type collections struct {
	metrics http.Handler
	kept    chan struct{} // holds an element for each collection that is still being sent to someone

	mu      sync.Mutex
	next    *collection // has not begun; nil if nobody waits
	running bool        // there is a goroutine in run
	began   time.Time   // when the last collection began; belongs to run
}

// collectPause is the least time between the beginnings of two collections. Each takes some
// milliseconds.
const collectPause = 50 * time.Millisecond

// The memory of collections that are being sent. When there are maxKept, the next one waits until one
// of them has been sent to all who share it. The server gives each client some seconds for that
// (package admin).
const (
	maxKept = 8
	maxPage = 128 << 10 // of one, in bytes: with two blocks at two addresses it is some 90 KB

	Bytes = maxKept * maxPage // of all
)

// collection is one collection, in plain text and compressed. There are no formats but Prometheus's
// text, because each would have to be collected separately.
type collection struct {
	plain, packed page
	wantsPlain    bool
	wantsPacked   bool
	done          chan struct{} // closed when the pages are complete
	users         atomic.Int32  // run, and the clients that it is for
}

func newCollections(metrics http.Handler) *collections {
	return &collections{metrics: metrics, kept: make(chan struct{}, maxKept)}
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
	_, _ = w.Write(p.body.Bytes()) // fails if the client is gone
}

// join adds a client to the next collection.
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

// leave takes a user off c. The last user gives its place in kept back.
func (s *collections) leave(c *collection) {
	if c.users.Add(-1) == 0 {
		<-s.kept
	}
}

// run collects as long as somebody waits.
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
			c.plain.take(s.metrics, "identity")
		}
		if c.wantsPacked {
			c.packed.take(s.metrics, "gzip")
		}
		close(c.done)
		s.leave(c)
	}
}

// wanted reports whether somebody waits. If not, run has to end.
func (s *collections) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = s.next != nil
	return s.running
}

// page is an answer for many clients.
type page struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// take lets h fill the page.
func (p *page) take(h http.Handler, encoding string) {
	p.header, p.status = http.Header{}, http.StatusOK
	h.ServeHTTP(p, &http.Request{Method: http.MethodGet, Header: http.Header{"Accept-Encoding": {encoding}}})
}

// Header, WriteHeader and Write implement http.ResponseWriter.
func (p *page) Header() http.Header { return p.header }

// WriteHeader sets the status.
func (p *page) WriteHeader(status int) { p.status = status }

// Write appends to the body.
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
