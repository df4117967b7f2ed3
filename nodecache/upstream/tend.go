package upstream

import (
	"maps"
	"slices"
	"time"
)

// tend closes connections that are idle, old or silent, and servers that were removed. It
// sleeps while there is neither.
func (p *Forward) tend() {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.stir:
		case <-timer.C:
		}
		if p.tendServers(p.now()) {
			timer.Reset(tick)
		}
	}
}

// stirred wakes tend.
func (p *Forward) stirred() {
	select {
	case p.stir <- struct{}{}:
	default:
	}
}

// tendServers reports whether there is anything to tend later.
func (p *Forward) tendServers(now time.Duration) (more bool) {
	for _, s := range p.all() {
		if s.left.Load() == 0 {
			more = s.tend(now) || more
		} else if !s.waiting(now) && p.remove(s) {
			s.close()
		} else {
			more = true
		}
	}
	return more
}

func (p *Forward) all() []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.servers))
}

// remove forgets a server, unless it has come back.
func (p *Forward) remove(s *server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.left.Load() == 0 {
		return false
	}
	delete(p.servers, s.Endpoint)
	return true
}

// waiting reports whether the server, which is not asked any more, may still answer.
func (s *server) waiting(now time.Duration) bool {
	if now-time.Duration(s.left.Load()) > s.forward.conf.ReadTimeout {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, scope := range s.conns {
		if slices.ContainsFunc(scope, func(c *conn) bool { return c.owing.Load() != 0 }) {
			return true
		}
	}
	return len(s.grams) > 0
}

// tend closes what has to be, and reports whether any connection is left.
func (s *server) tend(now time.Duration) bool {
	s.mu.Lock()
	conns := s.conns
	for scope := range conns {
		conns[scope] = slices.Clone(conns[scope])
	}
	s.mu.Unlock()
	more := false
	for _, scope := range conns {
		retireOne(scope, now)
		for _, c := range scope {
			if c.goesOn(now) {
				s.allowance.forget()
				wake(conns[:])
			}
			if err := c.overdue(now); err != nil {
				c.end("close", err)
			}
			more = true
		}
	}
	return more
}

// retireOne retires a connection of a scope that is old, unless another one is on its way out.
func retireOne(scope []*conn, now time.Duration) {
	isRetired := func(c *conn) bool { return c.retired.Load() }
	isOld := func(c *conn) bool { return c.until != 0 && now >= c.until }
	if i := slices.IndexFunc(scope, isOld); i >= 0 && !slices.ContainsFunc(scope, isRetired) {
		scope[i].retired.Store(true)
	}
}

// patience returns how long the connection may be silent: longer where the server says
// something on another one, as it may answer in order and be busy with a slow query.
func (c *conn) patience() time.Duration {
	if c.server.heardSince(c.unheard) {
		return c.server.forward.conf.Timeout
	}
	return c.server.forward.conf.ReadTimeout
}

// overdue returns why the connection has to be closed, or nil.
func (c *conn) overdue(now time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	unused := now - c.used
	switch {
	case c.unheard != 0 && now-c.unheard > c.patience():
		return errSilent
	case c.retired.Load() && (c.live == 0 || c.until != 0 && now > c.until+2*c.server.forward.conf.ReadTimeout):
		return errOld // where there was no other, and always a query, those have to be asked again
	case c.live == 0 && unused >= c.idle:
		return errIdle
	}
	return nil
}
