package metrics

import (
	"time"

	"github.com/neardns/neardns/nodecache/upstream"
)

// Trace returns what a Forward tells these metrics by. Fields that are nil have nothing to count:
// they are free for logs.
func (s *Set) Trace() upstream.Trace {
	u := s.upstreams
	return upstream.Trace{
		Asked: func(e upstream.Endpoint, overUDP, reused bool) {
			u.server(e.Addr).asked(protoOf(e, overUDP), reused)
		},
		Answered: func(e upstream.Endpoint, rcode uint8, took time.Duration) {
			u.server(e.Addr).answered(rcode, took)
		},
		Hedged:      func(e upstream.Endpoint) { u.server(e.Addr).hedged() },
		Opened:      func(e upstream.Endpoint, _ upstream.Scope) { u.server(e.Addr).connections.Add(1) },
		Closed:      func(e upstream.Endpoint, _ upstream.Scope, _ error) { u.server(e.Addr).connections.Add(-1) },
		CheckFailed: func(e upstream.Endpoint) { u.server(e.Addr).checkFailed() },
		AllDown:     u.allDown.Inc,
		Rejected:    u.rejected.Inc,
	}
}
