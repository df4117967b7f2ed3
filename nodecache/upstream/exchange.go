package upstream

import (
	"context"

	"github.com/neardns/neardns/internal/wire"
)

// Exchange asks the servers what q asks and appends the answer to dst. The query is q as
// wire.AppendQuery writes it with those EDNS options, under an ID of the Forward's own. The
// answer carries q's ID, and its question is q's but for the case of letters; all else in it
// is as the server sent it. q and options must stay as they are until Exchange returns.
//
// An answer is whatever a server says, SERVFAIL too. Where no server answers within
// Config.Timeout, Exchange returns dst and an error: that of the context, an *opError, or
// one of the others of this package. Where every answer is truncated, even over TCP, or
// has an RCODE of Config.Failover, the last one is returned.
//
// It may be called from any number of goroutines.
func (p *Forward) Exchange(ctx context.Context, dst []byte, q *wire.Query, options []byte, scope Scope) ([]byte, error) {
	if !p.enter() {
		return dst, ErrBusy
	}
	defer p.active.Add(-1)
	scope = p.conf.scope(scope)
	p.budgets[scope].earn()
	return p.ask(ctx, p.call(dst, q, options, scope), p.set.Load(), p.conf.MaxAsks)
}

// ExchangeWith asks one of the Forward's servers, once and over its connections. It returns
// errNoServer for a server that is not among Servers, or none of whose connections has room.
func (p *Forward) ExchangeWith(ctx context.Context, q *wire.Query, scope Scope, e Endpoint) ([]byte, error) {
	for _, s := range p.set.Load().order {
		if s.Endpoint == e {
			return p.ask(ctx, p.call(nil, q, nil, p.conf.scope(scope)), s.alone(), 1)
		}
	}
	return nil, errNoServer
}

// alone returns the set of s, to be asked whatever is known of it.
func (s *server) alone() *set { return &set{order: []*server{s}, fallback: 1, check: true} }

func (p *Forward) enter() bool {
	n, most := p.active.Add(1), int64(p.conf.MaxConcurrent)
	if most <= 0 || n <= most {
		return true
	}
	p.active.Add(-1)
	if t := p.conf.Trace.Rejected; t != nil {
		t()
	}
	return false
}

// askOwn asks the servers of a set one of the Forward's own queries, most times at most.
func (p *Forward) askOwn(ctx context.Context, q *ownQuery, of *set, most int) ([]byte, error) {
	return p.ask(ctx, p.ownCall(q), of, most)
}

// ask asks the servers of a set, most times at most: 0 for twice each.
func (p *Forward) ask(ctx context.Context, c *call, of *set, most int) ([]byte, error) {
	dst := c.dst
	if !c.q.Name.Valid() || len(c.query) > wire.MaxMessage {
		p.free(c)
		return dst, errQuery
	}
	c.opt = c.opt && !of.whole
	e := exchange{forward: p, set: of, call: c, most: of.most(most), began: p.now(), turn: int(p.turn.Add(1))}
	defer e.done()
	if err := e.run(ctx); err != nil {
		return dst, err
	}
	e.learn()
	return e.answered(), nil
}

// answered returns the buffer with the answer.
func (e *exchange) answered() []byte {
	e.call.mu.Lock()
	defer e.call.mu.Unlock()
	a := &e.call.asks[e.call.from]
	if t := e.forward.conf.Trace.Answered; t != nil {
		t(a.server.Endpoint, rcode(e.call.dst[e.call.base:]), e.forward.now()-a.at)
	}
	return e.call.dst
}
