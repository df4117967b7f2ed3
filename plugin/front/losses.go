package front

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
)

// losses tells Prometheus what the sockets of all fronts lose, and how many connections they have.
type losses struct {
	listen.Ledger
	datagrams, connections, closed tally.Family
}

func newLosses() *losses {
	const sub = "kubernetes"
	return &losses{
		datagrams: tally.NewFamily(prometheus.CounterValue, plugin.Namespace, sub, "express_lost_total",
			"Counter of queries that the express lane's sockets lost because the kernel's queue was full (overflow), or because their sender sent more than its share (shed), and of answers that could not be sent (unsent).", "reason"),
		connections: tally.NewFamily(prometheus.GaugeValue, plugin.Namespace, sub, "express_tcp_connections",
			"The number of TCP connections that clients have open to the express lane."),
		closed: tally.NewFamily(prometheus.CounterValue, plugin.Namespace, sub, "express_tcp_connections_closed_total",
			"Counter of TCP connections that the express lane closed to make room (evicted), because they were idle or stalled (expired), or because a message had no content (malformed).", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (l *losses) Describe(ch chan<- *prometheus.Desc) {
	tally.Describe(ch, l.datagrams, l.connections, l.closed)
}

// Collect implements prometheus.Collector.
func (l *losses) Collect(ch chan<- prometheus.Metric) {
	n := l.Counts()
	l.datagrams.Send(ch, float64(n.UDP.Overflow), "overflow")
	l.datagrams.Send(ch, float64(n.UDP.Shed), "shed")
	l.datagrams.Send(ch, float64(n.UDP.Unsent+n.TCP.Unsent), "unsent")
	l.connections.Send(ch, float64(n.TCP.Open))
	l.closed.Send(ch, float64(n.TCP.Evicted), "evicted")
	l.closed.Send(ch, float64(n.TCP.Expired), "expired")
	l.closed.Send(ch, float64(n.TCP.Malformed), "malformed")
}
