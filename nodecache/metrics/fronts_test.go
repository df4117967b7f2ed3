package metrics

import (
	"testing"

	"github.com/neardns/neardns/internal/listen"
)

// TestWatchFronts shows where the counts of sockets are reported.
func TestWatchFronts(t *testing.T) {
	s := New(1)
	s.WatchFronts(func() listen.Counts {
		return listen.Counts{
			UDP: listen.UDPStats{Overflow: 11, Shed: 22, Unsent: 44, Waiting: 55},
			TCP: listen.TCPStats{Accepted: 9, Open: 8, Evicted: 7, Expired: 6, Malformed: 5, Unsent: 4, Waiting: 3},
		}
	})
	wants(t, s, map[string]float64{
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
	})
}
