package front

import (
	"sync"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
)

// losses tells Prometheus what the sockets of all fronts lose, and how many connections they have. Its
// methods are safe for concurrent use.
type losses struct {
	mu   sync.Mutex
	open map[*listen.Front]*lost
	gone lost // of those that are closed

	datagrams, connections, closed tally.Family
}

// lost is what sockets lost since they were opened, by kind.
type lost [kinds]uint64

// The kinds: datagrams and answers, and then connections.
const (
	overflow = iota
	shed
	unsent
	evicted
	expired
	malformed
	kinds
)

var kindNames = [kinds]string{"overflow", "shed", "unsent", "evicted", "expired", "malformed"}

func newLosses() *losses {
	const sub = "kubernetes"
	return &losses{
		open: map[*listen.Front]*lost{},
		datagrams: tally.NewFamily(prometheus.CounterValue, plugin.Namespace, sub, "express_lost_total",
			"Counter of queries that the express lane's sockets lost because the kernel's queue was full (overflow), or because their sender sent more than its share (shed), and of answers that could not be sent (unsent).", "reason"),
		connections: tally.NewFamily(prometheus.GaugeValue, plugin.Namespace, sub, "express_tcp_connections",
			"The number of TCP connections that clients have open to the express lane."),
		closed: tally.NewFamily(prometheus.CounterValue, plugin.Namespace, sub, "express_tcp_connections_closed_total",
			"Counter of TCP connections that the express lane closed to make room (evicted), because they were idle or stalled (expired), or because a message had no content (malformed).", "reason"),
	}
}

// add takes the sockets of a front in.
func (l *losses) add(s *listen.Front) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[s] = new(lost)
}

// remove keeps what sockets lost that are closed by now. The kernel tells no more of them, so what they
// lost between the last scrape and their end may be missing.
func (l *losses) remove(s *listen.Front) {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := l.open[s]
	most.follow(s)
	for kind, n := range most {
		l.gone[kind] += n
	}
	delete(l.open, s)
}

// follow raises n to what the sockets say now.
func (n *lost) follow(s *listen.Front) {
	udp, tcp := s.UDP(), s.TCP()
	now := lost{
		overflow: udp.Overflow, shed: udp.Shed, unsent: udp.Unsent + tcp.Unsent,
		evicted: tcp.Evicted, expired: tcp.Expired, malformed: tcp.Malformed,
	}
	for kind := range n {
		n[kind] = max(n[kind], now[kind])
	}
}

// total adds up what all sockets lost, and the connections that are open.
func (l *losses) total() (sum lost, connections int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum = l.gone
	for s, most := range l.open {
		most.follow(s)
		for kind, n := range most {
			sum[kind] += n
		}
		connections += s.TCP().Open
	}
	return sum, connections
}

// Describe implements prometheus.Collector.
func (l *losses) Describe(ch chan<- *prometheus.Desc) {
	tally.Describe(ch, l.datagrams, l.connections, l.closed)
}

// Collect implements prometheus.Collector.
func (l *losses) Collect(ch chan<- prometheus.Metric) {
	sum, connections := l.total()
	l.connections.Send(ch, float64(connections))
	for kind, n := range sum {
		if kind < evicted {
			l.datagrams.Send(ch, float64(n), kindNames[kind])
		} else {
			l.closed.Send(ch, float64(n), kindNames[kind])
		}
	}
}
