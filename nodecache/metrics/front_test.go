package metrics

import (
	"testing"

	"github.com/neardns/neardns/internal/listen"
)

// TestWatchFront shows where the counts of sockets are reported, for one front and then another.
func TestWatchFront(t *testing.T) {
	s := New(1)
	udp := listen.UDPStats{Overflow: 11, Shed: 22, Unsent: 44, Waiting: 55}
	tcp := listen.TCPStats{Accepted: 9, Open: 8, Evicted: 7, Expired: 6, Malformed: 5, Unsent: 4, Waiting: 3}
	first := false
	s.WatchFront(func() (listen.UDPStats, listen.TCPStats) {
		if !first {
			first = true
			return listen.UDPStats{}, listen.TCPStats{}
		}
		return udp, tcp
	})
	want := map[string]float64{
		`nodecache_dropped_queries_total{reason="overflow"}`:         11,
		`nodecache_dropped_queries_total{reason="shed"}`:             22,
		`nodecache_unsent_answers_total{proto="udp"}`:                44,
		`nodecache_unsent_answers_total{proto="tcp"}`:                4,
		`nodecache_waiting_queries{proto="udp"}`:                     55,
		`nodecache_waiting_queries{proto="tcp"}`:                     3,
		`nodecache_tcp_connections`:                                  8,
		`nodecache_tcp_connections_total`:                            9,
		`nodecache_tcp_connections_closed_total{reason="evicted"}`:   7,
		`nodecache_tcp_connections_closed_total{reason="expired"}`:   6,
		`nodecache_tcp_connections_closed_total{reason="malformed"}`: 5,
	}
	wants(t, s, want)
	udp.Shed++
	s.WatchFront(func() (listen.UDPStats, listen.TCPStats) { return listen.UDPStats{}, listen.TCPStats{} })
	want[`nodecache_dropped_queries_total{reason="shed"}`]++
	want[`nodecache_waiting_queries{proto="udp"}`], want[`nodecache_waiting_queries{proto="tcp"}`] = 0, 0
	want[`nodecache_tcp_connections`] = 0
	wants(t, s, want)
}
