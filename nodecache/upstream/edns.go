package upstream

import (
	"context"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// speech is what is known of a server's EDNS. A server without it should answer a query that has
// an OPT record with FORMERR, and be asked without one from then on (RFC 6891 section 7). Some
// say NOTIMP, others nothing.
//
//	unknown ---> takes       an answer to a query with an OPT record; silence is no sign any more
//	   |           ^
//	   v           |         a query without one was answered after one with it was not: is it
//	doubted -------+         true? A query with one is asked at once
//	   |           |
//	   v           |         that was in vain, but not without one; it is asked again after some time
//	lacking -------+
type speech = uint32

const (
	unknown speech = iota
	takes
	doubted
	lacking
)

// ednsAgain is the most time after which a server without EDNS is asked whether it has it now.
const ednsAgain = time.Minute

// bare reports whether s is asked without the OPT record. One that is doubted may have lost a
// packet, so DNSSEC's records (RFC 3225) are not given up for it.
func (e *exchange) bare(s *server) bool {
	if !e.call.opt {
		return false
	}
	switch known := s.edns.Load(); known {
	case takes:
		return false
	case lacking:
		return true
	default:
		return known == doubted && !e.call.q.DO || e.ignored(s, known)
	}
}

// ignored reports whether s was asked with the OPT record and said nothing since, or, where it
// is doubted, nothing to that.
func (e *exchange) ignored(s *server, known speech) bool {
	for k := range e.call.asks {
		a := &e.call.asks[k]
		if a.server == s && !a.bare && (known == doubted || !s.heardSince(a.at)) {
			return true
		}
	}
	return false
}

// answered hands m, the answer to ask k, to its call.
func (s *server) answered(c *call, k int, m wire.Message, bare bool) {
	if !bare && c.opt && refuses(m) {
		if _, ok := m.OPT(); !ok {
			s.edns.CompareAndSwap(takes, unknown) // there is another server behind that address now
		}
		c.again(k, m, withoutOPT)
		return
	}
	c.answer(k, m, s.worth(m))
}

// refuses reports whether m may be the answer of a server that can't read an OPT record.
func refuses(m wire.Message) bool {
	code := m.HeaderRcode()
	return code == wire.FormError || code == wire.NotImpl
}

// learn takes in what the answer says of its server's EDNS.
func (e *exchange) learn() {
	e.call.mu.Lock()
	a, m := e.call.asks[e.call.from], wire.Message(e.call.dst[e.call.base:])
	refused := refuses(m)
	e.call.mu.Unlock()
	known := a.server.edns.Load()
	switch {
	case refused || !e.call.opt || known == takes:
	case !a.bare:
		a.server.edns.CompareAndSwap(known, takes)
	case known == unknown:
		a.server.doubt()
	}
}

// doubt finds out whether the server, which answered a query without an OPT record, takes none.
func (s *server) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.edns.Load(); s.closed || was >= doubted || !s.edns.CompareAndSwap(was, doubted) || s.relearning {
		return
	}
	s.relearning = true
	s.group.Go(s.relearn)
}

// relearn asks with an OPT record, at once and then less and less often, until that is taken.
func (s *server) relearn() {
	for wait := time.Duration(0); ; wait = min(max(2*wait, time.Second), ednsAgain) {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(wait):
		}
		switch {
		case s.reads(s.forward.checkQuery):
			s.edns.Store(takes)
		case s.reads(s.forward.bareQuery): // else it minds the query, and not the OPT record
			s.edns.CompareAndSwap(doubted, lacking)
		}
		if s.learned() {
			return
		}
	}
}

// learned reports whether there is no doubt any more, and lets the next one begin anew.
func (s *server) learned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relearning = s.edns.Load() >= doubted
	return !s.relearning
}

// reads asks, and reports whether the server answered what it was asked.
func (s *server) reads(q *ownQuery) bool {
	ctx, cancel := context.WithTimeout(s.ctx, checkFor)
	defer cancel()
	of := s.alone()
	of.whole = true
	m, err := s.forward.askOwn(ctx, q, of, 1)
	return err == nil && !refuses(m)
}
