package resolve

import (
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
)

// waiter is a query that is answered once its flight lands. It owns its bytes.
type waiter struct {
	query
	to     listen.Responder
	name   [wire.MaxName]byte
	cookie [40]byte // RFC 7873, section 4
}

// newWaiter copies q and leaves it open at its front. It has been admitted.
func (r *Resolver) newWaiter(q *query) *waiter {
	w := r.waiters.Get().(*waiter)
	w.query, w.to = *q, q.client.Later()
	w.client = nil
	w.Name = append(w.name[:0], q.Name...)
	if q.Cookie != nil {
		w.Cookie = append(w.cookie[:0], q.Cookie...)
	}
	return w
}

// result is what a flight brings to those who wait.
type result struct {
	clean   []byte // the answer, as the cache would give it; empty for a code alone
	run     wire.Run
	rcode   wire.Rcode
	why     wire.Error // of a failure
	dropped bool       // upstream's answer was malformed
	stale   bool       // an answer that has expired is better, if there is one

	source tally.Source
}

// land sends what the flight brought to w, the n-th of those who waited for it, and returns
// the buffer. Whatever happens, w is not left open. It is given back.
func (r *Resolver) land(buf []byte, w *waiter, n int, res *result) (reply []byte) {
	defer r.survive()
	defer func() {
		r.limits.leave(w.remote.Addr(), load{waiters: 1})
		w.to.Send(reply)
		w.query, w.to = query{}, nil
		r.waiters.Put(w)
	}()
	reply, from := r.landed(buf[:0], w, n, res)
	r.observe(&w.query, reply, from, r.Writer)
	return reply
}

// landed appends the reply to w.
func (r *Resolver) landed(dst []byte, w *waiter, n int, res *result) ([]byte, origin) {
	b := w.route.Block
	if res.stale && b.mayBeStale(w.Name) {
		// A denial that came just now is no better than that very denial.
		if reply, from, ok := r.stale(dst, &w.query); ok && (from.stale || len(res.clean) == 0) {
			return reply, from
		}
	}
	if len(res.clean) == 0 {
		return r.code(dst, &w.query, res.rcode, res.why), origin{source: res.source}
	}
	start := len(dst)
	dst = append(dst, res.clean...)
	m := wire.Message(dst[start:])
	m.Rotate(res.run, n)
	m.FinishReply(&w.Query)
	return r.finish(dst, start, &w.query, wire.Error{}), origin{source: res.source}
}
