package front

import (
	"fmt"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/testkit"
)

// TestLosses has clients send messages without content, which closes their connections. Counts stay
// when the sockets close.
func TestLosses(t *testing.T) {
	addr := testkit.FreeAddr(t)
	s := newServer(t, addr, text("x"))
	start(t, s)
	f, _ := newFronts()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(f.Losses())
	i := f.NewInstance(everywhere)
	i.Serve(s)
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	testkit.Eventually(t, "one is open", func() bool { return gather(t, r)["express_tcp_connections"] == 1 })
	if _, err := conn.Write([]byte{0, 0}); err != nil {
		t.Fatal(err)
	}
	const malformed = "express_tcp_connections_closed_total malformed"
	testkit.Eventually(t, "it is counted, and closed after a moment", func() bool {
		now := gather(t, r)
		return now["express_tcp_connections"] == 0 && now[malformed] == 1
	})
	i.Replaced()
	if now := gather(t, r); len(now) != 7 || now[malformed] != 1 || now["express_lost_total overflow"] != 0 {
		t.Errorf("%v is counted", now)
	}
}

// gather returns the values of all series, by name and reason, without what all names begin with.
func gather(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()[len("coredns_kubernetes_"):]
			for _, l := range m.Label {
				name += fmt.Sprint(" ", l.GetValue())
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}
