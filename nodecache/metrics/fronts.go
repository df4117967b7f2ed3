package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
)

// fronts tells what the sockets count: queries and connections that the resolver never saw, and answers
// that could not be sent.
type fronts struct {
	mu     sync.Mutex
	counts func() listen.Counts

	dropped, unsent, accepted, closed family
	open, waiting                     family
}

func newFronts() *fronts {
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	return &fronts{
		counts: func() listen.Counts { return listen.Counts{} },
		dropped: tally.NewFamily(counter, ours, "", "dropped_queries_total",
			"Counter of datagrams that were not answered because the kernel's queue was full (overflow), or because their sender sent more than its share (shed).", "reason"),
		unsent: tally.NewFamily(counter, ours, "", "unsent_answers_total",
			"Counter of answers that could not be sent.", "proto"),
		accepted: tally.NewFamily(counter, ours, "", "tcp_connections_total",
			"Counter of the TCP connections that clients opened."),
		closed: tally.NewFamily(counter, ours, "", "tcp_connections_closed_total",
			"Counter of the TCP connections of clients that were closed to make room (evicted), because they were idle or stalled (expired), or because a message had no content (malformed).", "reason"),
		open: tally.NewFamily(gauge, ours, "", "tcp_connections",
			"The number of TCP connections of clients."),
		waiting: tally.NewFamily(gauge, ours, "", "waiting_queries",
			"The number of queries that wait for upstream.", "proto"),
	}
}

// set sets how the counters are read; see Set.WatchFronts.
func (f *fronts) set(counts func() listen.Counts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts = counts
}

func (f *fronts) Describe(ch chan<- *prometheus.Desc) {
	tally.Describe(ch, f.dropped, f.unsent, f.accepted, f.closed, f.open, f.waiting)
}

func (f *fronts) Collect(ch chan<- prometheus.Metric) {
	f.mu.Lock()
	n := f.counts()
	f.mu.Unlock()
	f.dropped.Send(ch, float64(n.UDP.Overflow), "overflow")
	f.dropped.Send(ch, float64(n.UDP.Shed), "shed")
	f.unsent.Send(ch, float64(n.UDP.Unsent), "udp")
	f.unsent.Send(ch, float64(n.TCP.Unsent), "tcp")
	f.accepted.Send(ch, float64(n.TCP.Accepted))
	f.closed.Send(ch, float64(n.TCP.Evicted), "evicted")
	f.closed.Send(ch, float64(n.TCP.Expired), "expired")
	f.closed.Send(ch, float64(n.TCP.Malformed), "malformed")
	f.open.Send(ch, float64(n.TCP.Open))
	f.waiting.Send(ch, float64(n.UDP.Waiting), "udp")
	f.waiting.Send(ch, float64(n.TCP.Waiting), "tcp")
}
