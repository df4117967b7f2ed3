package kubernetes

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/plugin/lane"
)

// measurer is a ResponseWriter that measures a reply as CoreDNS's prometheus plugin does.
type measurer struct {
	test.ResponseWriter
	size      int
	truncated bool
}

func (m *measurer) WriteMsg(r *dns.Msg) error {
	m.size, m.truncated = r.Len(), r.Truncated
	return nil
}

// TestLaneSize shows that the lane counts replies to be as long as CoreDNS counts them, over UDP and
// TCP, whole and cut.
func TestLaneSize(t *testing.T) {
	for _, zones := range [][]string{testConfig().zones, {"."}} {
		cfg := testConfig()
		cfg.zones = zones
		k, w := testHandler(cfg)
		r := &random{Rand: rand.New(rand.NewPCG(3, 4))}
		r.fill(k, w)
		l, table := laneOf(k)
		for range 10000 {
			query, tcp := r.query(t)
			client := listen.NewClient(netip.MustParseAddrPort("10.240.0.1:40212"), netip.MustParseAddrPort("10.0.0.53:53"), tcp, nil)
			_, v := l.Answer(table, nil, query, client)
			if v.Outcome != lane.Answered {
				continue
			}
			m := new(dns.Msg)
			if err := m.Unpack(query); err != nil {
				t.Fatal(err)
			}
			out := &measurer{ResponseWriter: test.ResponseWriter{TCP: tcp}}
			front := &udpFront{k: k, next: test.HandlerFunc(func(ctx context.Context, _ dns.ResponseWriter, r *dns.Msg) (int, error) {
				return k.ServeDNS(ctx, out, r) // where that plugin stands
			})}
			if _, err := front.ServeDNS(context.Background(), &test.ResponseWriter{TCP: tcp}, m); err != nil {
				t.Fatal(err)
			}
			if out.truncated && m.Question[0].Qtype == dns.TypeSRV {
				continue // which names it has is chance, and so is how long they are
			}
			if v.Size != out.size {
				t.Fatalf("TCP %v, %v: %d bytes, want %d", tcp, m.Question, v.Size, out.size)
			}
		}
	}
}
