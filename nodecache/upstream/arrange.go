package upstream

import "slices"

// arrange makes the set of servers from what is configured, found and down.
func (p *Forward) arrange() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrangeLocked()
}

func (p *Forward) arrangeLocked() {
	if p.closed {
		return
	}
	main, fallback := p.fixed, []Endpoint(nil)
	if len(p.at) > 0 {
		main, fallback = p.foundEndpoints(), p.fixed
	}
	p.keepOnly(slices.Concat(main, fallback))
	chosen := choose(p.seat, main, p.conf.Subset, func(e Endpoint) bool { return p.servers[e].down() })
	next := &set{fallback: len(chosen)}
	for _, e := range slices.Concat(chosen, fallback) {
		if s := p.servers[e]; len(next.order) < MaxAsks && !slices.Contains(next.order, s) {
			next.order = append(next.order, s)
		}
	}
	p.set.Store(next)
}

// foundEndpoints returns those at Config.Name, asked as the configured ones are.
func (p *Forward) foundEndpoints() []Endpoint {
	found := make([]Endpoint, 0, len(p.at))
	for _, at := range p.at {
		found = append(found, Endpoint{at, p.fixed[0].Proto, p.fixed[0].ServerName})
	}
	return found
}

// keepOnly makes the servers that are missing and lets the others go.
func (p *Forward) keepOnly(want []Endpoint) {
	for e, s := range p.servers {
		if !slices.Contains(want, e) {
			s.left.CompareAndSwap(0, int64(p.now()))
			p.stirred()
		}
	}
	for _, e := range want {
		if p.servers[e] == nil {
			p.servers[e] = newServer(p, e)
		}
		p.servers[e].left.Store(0)
	}
}

// fixedSet returns the configured servers as a set, to ask what stands at Config.Name.
func (p *Forward) fixedSet() *set {
	p.mu.Lock()
	defer p.mu.Unlock()
	fixed := &set{}
	for _, e := range p.fixed {
		if len(fixed.order) < MaxAsks {
			fixed.order = append(fixed.order, p.servers[e])
		}
	}
	fixed.fallback = len(fixed.order)
	return fixed
}
