package kubernetes

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	_ "github.com/coredns/coredns/plugin/cache"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/prometheus/client_golang/prometheus"
)

// series returns what the metrics of CoreDNS's queries say of the server: the counts of each series,
// and for histograms of sizes each bucket and the sum. How long queries took is left out.
func (p *program) series(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	server, all := "dns://"+p.addr.String(), map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "coredns_dns_") {
			continue
		}
		for _, m := range f.Metric {
			name, of := f.GetName(), ""
			for _, l := range m.Label {
				name += " " + l.GetName() + "=" + strings.ReplaceAll(l.GetValue(), server, "here")
				of += l.GetValue()
			}
			if !strings.Contains(of, server) {
				continue
			}
			h := m.Histogram
			if h == nil {
				all[name] = m.Counter.GetValue()
				continue
			}
			all[name+" count"] = float64(h.GetSampleCount())
			if strings.HasSuffix(f.GetName(), "_bytes") {
				all[name+" sum"] = h.GetSampleSum()
				for _, b := range h.Bucket {
					all[fmt.Sprint(name, " ", b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			}
		}
	}
	return all
}

// added returns how much each series has grown, and the number of answers among it.
func added(before, after map[string]float64) (grown map[string]float64, answers int) {
	grown = map[string]float64{}
	for name, n := range after {
		if n -= before[name]; n != 0 {
			grown[name] = n
			if strings.HasPrefix(name, "coredns_dns_responses_total") {
				answers += int(n)
			}
		}
	}
	return grown, answers
}

// counted asks p a number of questions, after so many others, and returns what the metrics say of
// them, and how many the lane answered.
func (p *program) counted(t *testing.T, others int) (grown map[string]float64, lane float64) {
	t.Helper()
	var before map[string]float64
	testkit.Eventually(t, "the other answers are counted", func() bool {
		before = p.series(t)
		_, n := added(nil, before)
		return n == others
	})
	byLaneBefore, asked := byLane(t), 0
	for _, name := range []string{
		"web.ns.svc.cluster.local.", "WEB.ns.svc.Cluster.Local.", "no.ns.svc.cluster.local.", "cluster.local.",
		"dns-version.cluster.local.", "1.0.96.10.in-addr.arpa.", "9.0.96.10.in-addr.arpa.", "example.org.",
	} {
		for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeTXT, dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeHINFO} {
			for _, network := range networks {
				for _, edns := range []func(*dns.Msg){
					func(*dns.Msg) {},
					func(m *dns.Msg) { m.SetEdns0(1232, true) },
					func(m *dns.Msg) { m.SetEdns0(4096, false) },
				} {
					m := new(dns.Msg).SetQuestion(name, typ)
					edns(m)
					client := dns.Client{Net: network, Timeout: testkit.Patience}
					if _, _, err := client.Exchange(m, p.addr.String()); err != nil {
						t.Fatal(err)
					}
					asked++
				}
			}
		}
	}
	testkit.Eventually(t, "all answers are counted", func() bool {
		_, n := added(before, p.series(t))
		return n >= asked
	})
	grown, _ = added(before, p.series(t)) // a page may have been begun before the last answer was counted
	return grown, byLane(t) - byLaneBefore
}

// TestExpressSeries shows that the metrics of CoreDNS's queries are the same, whether the lane answers or
// CoreDNS does, with a cache and without.
func TestExpressSeries(t *testing.T) {
	for _, cache := range []string{"", " cache 30\n"} {
		corefile := ".:PORT {\n bind 127.0.0.1\n prometheus 127.0.0.1:0\n errors\n" + cache + " kubernetes cluster.local in-addr.arpa %s\n whoami\n}\n"
		own, none := run(t, fmt.Sprintf(corefile, "OFF")).counted(t, 0)
		p := run(t, fmt.Sprintf(corefile, "RECORDS"))
		others := 0
		testkit.Eventually(t, "the lane answers", func() bool { others += 2; return p.asks(t, "udp") })
		ours, lane := p.counted(t, others)
		if none != 0 || lane < 200 {
			t.Errorf("the lane answered %v queries when it was off, and %v when it was on", none, lane)
		}
		if maps.Equal(own, ours) {
			continue
		}
		for name, n := range own {
			if ours[name] != n {
				t.Errorf("cache %q: %s: %v, want %v", cache, name, ours[name], n)
			}
		}
		for name, n := range ours {
			if _, found := own[name]; !found {
				t.Errorf("cache %q: %s: %v, want none", cache, name, n)
			}
		}
	}
}
