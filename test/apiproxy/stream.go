package apiproxy

import (
	"bytes"
	"io"
	"time"
)

// queueLength is how many events of a watch may be late at once. The server waits while there are more.
const queueLength = 10_000

// frame is an event as bytes, and when it may pass.
type frame struct {
	bytes []byte
	due   time.Time
}

// stream is a watch on its way to a client.
type stream struct {
	proxy    *Proxy
	resource string
	initial  bool // the streamed list has not ended
	events   *reader
	queue    chan frame
	held     []byte          // comes after the next event, bookmarks aside
	gone     <-chan struct{} // closed when the client has left
}

// read applies the proxy's rules to all events, until the watch ends or the client leaves.
func (s *stream) read() {
	defer close(s.queue)
	for {
		e, err := s.events.next()
		if err != nil {
			return // a client watches again, from the last event that it saw
		}
		e.Resource, e.Initial = s.resource, s.initial
		s.initial = s.initial && !e.endsList
		a := s.proxy.decide(e.Event)
		if a.what == freeze {
			<-s.gone
			return
		}
		if !s.enqueue(frame{s.apply(a, e), time.Now().Add(a.delay)}) {
			return
		}
	}
}

// apply returns what is sent in the place of an event.
func (s *stream) apply(a Action, e read) []byte {
	out := e.bytes
	switch {
	case a.what == swallow:
		return nil
	case a.what == duplicate:
		out = bytes.Repeat(e.bytes, 2)
	case a.what == reorder && s.held == nil:
		s.held = e.bytes
		return nil
	}
	if e.Type != "BOOKMARK" { // of which a test can't know when they come
		out, s.held = append(out, s.held...), nil
	}
	return out
}

// enqueue reports whether the client is still there.
func (s *stream) enqueue(f frame) bool {
	select {
	case s.queue <- f:
		return true
	case <-s.gone:
		return false
	}
}

// write sends each frame when it is due, and ends the client's watch after the last.
func (s *stream) write(to *io.PipeWriter) {
	defer func() { _ = to.Close() }()
	for f := range s.queue {
		select {
		case <-time.After(time.Until(f.due)):
		case <-s.gone:
			return
		}
		if _, err := to.Write(f.bytes); err != nil {
			return
		}
	}
}
