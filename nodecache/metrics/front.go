package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
)

// front tells what the sockets count: queries and connections that the resolver never saw, and answers
// that could not be sent.
type front struct {
	mu     sync.Mutex
	watch  func() (listen.UDPStats, listen.TCPStats)
	counts frontCounts

	dropped, unsent, accepted, closed family
	open, waiting                     family
}

// frontCounts are the counts of all sockets that ever were.
type frontCounts struct {
	overflow, shed                rising
	accepted                      rising
	evicted, expired, malformed   rising
	unsentDatagrams, unsentFrames rising
}

func newFront() *front {
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	return &front{
		watch: func() (listen.UDPStats, listen.TCPStats) { return listen.UDPStats{}, listen.TCPStats{} },
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

// replace sets how the front is read; see Set.WatchFront.
func (f *front) replace(watch func() (listen.UDPStats, listen.TCPStats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.follow(f.watch())
	f.watch = watch
	f.counts.resume(f.watch())
}

func (n *frontCounts) follow(udp listen.UDPStats, tcp listen.TCPStats) {
	for counter, count := range n.of(udp, tcp) {
		counter.follow(count)
	}
}

func (n *frontCounts) resume(udp listen.UDPStats, tcp listen.TCPStats) {
	for counter, count := range n.of(udp, tcp) {
		counter.resume(count)
	}
}

// of returns what each counter follows.
func (n *frontCounts) of(udp listen.UDPStats, tcp listen.TCPStats) map[*rising]uint64 {
	return map[*rising]uint64{
		&n.overflow: udp.Overflow, &n.shed: udp.Shed, &n.unsentDatagrams: udp.Unsent,
		&n.accepted: tcp.Accepted, &n.unsentFrames: tcp.Unsent,
		&n.evicted: tcp.Evicted, &n.expired: tcp.Expired, &n.malformed: tcp.Malformed,
	}
}

func (f *front) Describe(ch chan<- *prometheus.Desc) {
	tally.Describe(ch, f.dropped, f.unsent, f.accepted, f.closed, f.open, f.waiting)
}

func (f *front) Collect(ch chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	udp, tcp := f.watch()
	n := &f.counts
	n.follow(udp, tcp)
	f.dropped.Send(ch, float64(n.overflow.total), "overflow")
	f.dropped.Send(ch, float64(n.shed.total), "shed")
	f.unsent.Send(ch, float64(n.unsentDatagrams.total), "udp")
	f.unsent.Send(ch, float64(n.unsentFrames.total), "tcp")
	f.accepted.Send(ch, float64(n.accepted.total))
	f.closed.Send(ch, float64(n.evicted.total), "evicted")
	f.closed.Send(ch, float64(n.expired.total), "expired")
	f.closed.Send(ch, float64(n.malformed.total), "malformed")
	f.open.Send(ch, float64(tcp.Open))
	f.waiting.Send(ch, float64(udp.Waiting), "udp")
	f.waiting.Send(ch, float64(tcp.Waiting), "tcp")
}
