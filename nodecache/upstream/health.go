package upstream

import (
	"context"
	"errors"
	"time"
)

// heard notes an answer. It clears everything that the server was blamed for.
func (s *server) heard(scope Scope, now time.Duration) {
	s.heardAt.Store(int64(now))
	if s.unheard[scope].Load() != 0 {
		s.unheard[scope].Store(0)
	}
	if s.out.Load() && s.out.CompareAndSwap(true, false) {
		s.back()
	}
}

// back notes that the server is no longer out.
func (s *server) back() {
	down := s.down()
	s.fails.Store(0)
	if t := s.forward.conf.Trace.Changed; t != nil {
		t(s.Endpoint, nil)
	}
	if down {
		s.forward.arrange()
	}
}

// fail notes a failure that began at since. The server is not blamed for it if it has answered
// another query meanwhile.
func (s *server) fail(err error, since time.Duration) {
	if s.heardSince(since) {
		return
	}
	if !s.out.Swap(true) {
		s.fails.Store(0)
		if t := s.forward.conf.Trace.Changed; t != nil {
			t(s.Endpoint, err)
		}
		s.forward.lookSoon()
	}
	s.check()
}

// down reports whether more than MaxFails health checks in a row failed.
func (s *server) down() bool {
	most := s.forward.conf.MaxFails
	return most >= 0 && s.fails.Load() > int64(most)
}

// The ranks of a server for a query. Lower is better.
const (
	rankWell    = iota
	rankStalled // it owes an answer, and has said nothing for a while
	rankOut
	rankDown
)

// rank returns the server's rank for a query in a scope.
func (s *server) rank(scope Scope, now, delay time.Duration) int {
	switch {
	case s.down():
		return rankDown
	case s.out.Load() && s.forward.conf.MaxFails >= 0:
		return rankOut
	case s.stalled(scope, now, delay):
		return rankStalled
	}
	return rankWell
}

// stalled reports whether the server owes an answer in a scope, and has said nothing there for
// longer than delay.
func (s *server) stalled(scope Scope, now, delay time.Duration) bool {
	first := time.Duration(s.unheard[scope].Load())
	return first != 0 && now-first > delay
}

// heardSince reports whether the server has answered anything since then.
func (s *server) heardSince(since time.Duration) bool {
	return time.Duration(s.heardAt.Load()) > since
}

// checkOnce begins one health check of a silent server, and reports whether it did. It does not
// if it has begun one after since, if the checks run anyway, or if the configuration wants none.
func (s *server) checkOnce(since time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.checking || s.forward.conf.MaxFails < 0 || s.checkedAt > since {
		return false
	}
	s.checkedAt = s.forward.now()
	began := s.checkedAt
	s.group.Go(func() {
		if err := s.answers(s.forward.own.version); err != nil && err != errNoServer && s.ctx.Err() == nil {
			s.fail(err, began)
		}
	})
	return true
}

// check starts the health checks, unless they run already.
func (s *server) check() {
	if s.forward.conf.MaxFails < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && !s.checking {
		s.checking = true
		s.group.Go(s.checks)
	}
}

// checks checks the server until it answers, at once and then every CheckInterval. Three queries
// take turns, since there are servers that answer only one of them: the configured one, the same
// in an unknown version of EDNS, and the same without an OPT record.
func (s *server) checks() {
	own := &s.forward.own
	queries := []*ownQuery{own.check, own.version, own.bare}
	for turn := 0; s.stillOut(); turn = (turn + 1) % len(queries) {
		if s.answers(queries[turn]) == nil {
			if queries[turn] == own.bare {
				s.doubt()
			}
			continue
		}
		if t := s.forward.conf.Trace.CheckFailed; t != nil {
			t(s.Endpoint)
		}
		if s.fails.Add(1) == int64(s.forward.conf.MaxFails)+1 {
			s.forward.arrange() // it is down now
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(s.forward.conf.CheckInterval):
		}
	}
}

// stillOut reports whether the checks have to go on. If not, the next failure starts them again.
func (s *server) stillOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checking = s.out.Load() && !s.closed
	return s.checking
}

// answers returns nil if the server answers q, with whatever RCODE.
func (s *server) answers(q *ownQuery) error {
	ctx, cancel := context.WithTimeout(s.ctx, checkFor)
	defer cancel()
	_, err := s.forward.askOwn(ctx, q, s.alone(), 1)
	if errors.Is(err, context.DeadlineExceeded) {
		return &opError{"check", s.Endpoint, errTimeout}
	}
	return err
}
