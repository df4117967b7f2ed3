package metrics

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/nodecache/upstream"
)

func endpoint(addr string, p upstream.Proto) upstream.Endpoint {
	return upstream.Endpoint{Addr: netip.MustParseAddrPort(addr), Proto: p}
}

// TestTrace shows which series each call of a Trace counts in.
func TestTrace(t *testing.T) {
	s := New(1)
	tr, a := s.Trace(), endpoint("10.0.0.1:53", upstream.TCP)
	six := endpoint("[fd00::1]:853", upstream.TLS)
	tr.Asked(a, false, true)
	tr.Asked(a, true, false)
	tr.Asked(six, false, false)
	tr.Answered(a, 3, 300*time.Microsecond)
	tr.Answered(a, 12, time.Minute)
	tr.Hedged(six)
	tr.Opened(a, upstream.Cluster)
	tr.Opened(a, upstream.Other)
	tr.Closed(a, upstream.Other, errors.New("idle"))
	tr.CheckFailed(six)
	tr.AllDown()
	tr.Rejected()
	wants(t, s, map[string]float64{
		`coredns_proxy_conn_cache_hits_total{proto="tcp",proxy_name="forward",to="10.0.0.1:53"}`:                             1,
		`coredns_proxy_conn_cache_misses_total{proto="udp",proxy_name="forward",to="10.0.0.1:53"}`:                           1,
		`coredns_proxy_conn_cache_misses_total{proto="tcp-tls",proxy_name="forward",to="[fd00::1]:853"}`:                     1,
		`coredns_proxy_request_duration_seconds_bucket{proxy_name="forward",rcode="NXDOMAIN",to="10.0.0.1:53",le="0.00025"}`: 0,
		`coredns_proxy_request_duration_seconds_bucket{proxy_name="forward",rcode="NXDOMAIN",to="10.0.0.1:53",le="0.0005"}`:  1,
		`coredns_proxy_request_duration_seconds_sum{proxy_name="forward",rcode="12",to="10.0.0.1:53"}`:                       60,
		`coredns_proxy_healthcheck_failures_total{proxy_name="forward",to="[fd00::1]:853"}`:                                  1,
		`coredns_forward_healthcheck_broken_total`:                                                                           1,
		`coredns_forward_max_concurrent_rejects_total`:                                                                       1,
		`nodecache_upstream_hedges_total{to="[fd00::1]:853"}`:                                                                1,
		`nodecache_upstream_connections{to="10.0.0.1:53"}`:                                                                   1,
	})
}

// TestForget shows that the series of servers that are no longer asked are deleted, and no others.
func TestForget(t *testing.T) {
	s := New(1)
	tr, u, now := s.Trace(), s.upstreams, time.Now()
	gone, held, busy := endpoint("10.0.0.1:53", upstream.TCP), endpoint("10.0.0.2:53", upstream.TCP), endpoint("10.0.0.3:53", upstream.UDP)
	for _, e := range []upstream.Endpoint{gone, held, busy} {
		tr.Asked(e, false, false)
		tr.Answered(e, 0, time.Millisecond)
	}
	tr.Opened(held, upstream.Cluster)
	u.forget(now)
	u.forget(now.Add(forgetAfter))
	if text := scrape(t, s); !strings.Contains(text, gone.Addr.String()) {
		t.Fatal("forgotten too early")
	}
	tr.Asked(busy, false, true)
	u.forget(now.Add(forgetAfter + time.Second))
	text := scrape(t, s)
	for e, there := range map[upstream.Endpoint]bool{gone: false, held: true, busy: true} {
		if strings.Contains(text, e.Addr.String()) != there {
			t.Errorf("%v: want %v", e.Addr, there)
		}
	}
	tr.Asked(gone, false, false)
	wants(t, s, map[string]float64{`coredns_proxy_conn_cache_misses_total{proto="tcp",proxy_name="forward",to="10.0.0.1:53"}`: 1})
}

// TestTraceConcurrent shows that no count is lost when several goroutines meet a server for the
// first time.
func TestTraceConcurrent(t *testing.T) {
	s := New(1)
	tr := s.Trace()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for port := range uint16(100) {
				e := upstream.Endpoint{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), port), Proto: upstream.TCP}
				tr.Asked(e, false, true)
				tr.Opened(e, upstream.Other)
				tr.Answered(e, 0, 0)
			}
		})
	}
	scrape(t, s)
	wg.Wait()
	wants(t, s, map[string]float64{
		`coredns_proxy_conn_cache_hits_total{proto="tcp",proxy_name="forward",to="0.0.0.0:7"}`: 8,
		`nodecache_upstream_connections{to="0.0.0.0:99"}`:                                      8,
	})
}

// TestProxyRcode compares with what plugin/pkg/proxy writes.
func TestProxyRcode(t *testing.T) {
	for i := range headerRcodes {
		want := dns.RcodeToString[i]
		if want == "" {
			want = strconv.Itoa(i)
		}
		if got := proxyRcode(uint8(i)); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

func TestTraceAllocations(t *testing.T) {
	tr, e := New(1).Trace(), endpoint("10.0.0.1:53", upstream.TCP)
	f := func() {
		tr.Asked(e, false, true)
		tr.Answered(e, 0, time.Millisecond)
	}
	f()
	if n := testing.AllocsPerRun(1000, f); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTrace(b *testing.B) {
	tr, e := New(1).Trace(), endpoint("10.0.0.1:53", upstream.TCP)
	for b.Loop() {
		tr.Asked(e, false, true)
		tr.Answered(e, 0, time.Millisecond)
	}
}
