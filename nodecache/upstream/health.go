package upstream

import (
	"context"
	"errors"
	"time"
)

// heard notes an answer, which clears whatever the server was blamed for.
func (s *server) heard(scope Scope, now time.Duration) {
	s.heardAt.Store(int64(now))
	if s.unheard[scope].Load() != 0 {
		s.unheard[scope].Store(0)
	}
	if s.out.Load() && s.out.CompareAndSwap(true, false) {
		s.back()
	}
}

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

// fail notes a failure that began at since. It is not the server's where that answered
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

// down reports whether more than MaxFails checks in a row failed.
func (s *server) down() bool {
	most := s.forward.conf.MaxFails
	return most >= 0 && s.fails.Load() > int64(most)
}

// rank orders servers for a query: lower is better.
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

const (
	rankWell = iota
	rankStalled
	rankOut
	rankDown
)

// heardSince reports whether the server answered anything since.
func (s *server) heardSince(since time.Duration) bool {
	return time.Duration(s.heardAt.Load()) > since
}

// inquire probes the server once, unless that was begun since or is not wanted. It reports
// whether it did.
func (s *server) inquire(since time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.checking || s.forward.conf.MaxFails < 0 || s.inquired > since {
		return false
	}
	s.inquired = s.forward.now()
	began := s.inquired
	s.group.Go(func() {
		if err := s.answers(s.forward.lifeQuery); err != nil && err != errNoServer && s.ctx.Err() == nil {
			s.fail(err, began)
		}
	})
	return true
}

// check starts the health checks, unless they run.
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

// checks checks the server until it answers, at once and then every CheckInterval. It asks what
// is configured, the probe, and what is configured without an OPT record in turn: there are
// servers that answer only one of them.
func (s *server) checks() {
	queries := []*ownQuery{s.forward.checkQuery, s.forward.lifeQuery, s.forward.bareQuery}
	for turn := 0; s.stillOut(); turn = (turn + 1) % len(queries) {
		if s.answers(queries[turn]) == nil {
			if turn == len(queries)-1 {
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

func (s *server) stillOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checking = s.out.Load() && !s.closed
	return s.checking
}

// answers returns nil if the server answers at all; any RCODE will do.
func (s *server) answers(q *ownQuery) error {
	ctx, cancel := context.WithTimeout(s.ctx, checkFor)
	defer cancel()
	_, err := s.forward.askOwn(ctx, q, s.alone(), 1)
	if errors.Is(err, context.DeadlineExceeded) {
		return &opError{"check", s.Endpoint, ErrTimeout}
	}
	return err
}
