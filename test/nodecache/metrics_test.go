package nodecache

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// mixed answers NXDOMAIN to names that begin with "none", SERVFAIL to those that begin with "fail",
// and one address to all others.
var mixed = run.Messages(func(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	switch name := q.Question[0].Name; {
	case strings.HasPrefix(name, "none"):
		m.Rcode = dns.RcodeNameError
		soa, _ := dns.NewRR("example. 60 IN SOA ns.example. root.example. 1 60 60 60 60")
		m.Ns = []dns.RR{soa}
	case strings.HasPrefix(name, "fail"):
		m.Rcode = dns.RcodeServerFailure
	default:
		a, _ := dns.NewRR(name + " 60 IN A 192.0.2.1")
		m.Answer = []dns.RR{a}
	}
	return m
})

// TestMetrics asks a handful of questions, and then checks each series that dashboards read: at the
// Corefile's address and at the flag's.
func TestMetrics(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, mixed).Addr
	addr, pages := testkit.FreeAddr(t), testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream.String(), "prometheus "+pages.String(), addr))
	node.Answers(addr)
	before := node.Scrape()
	for _, args := range []string{
		"a.example", "a.example", "a.example +tcp", "b.example AAAA", "none.example", "none.example", "fail.example", "-c CH -t TXT version.bind",
		"a.example +dnssec",
	} {
		run.Dig(t, addr, strings.Fields(args)...)
	}
	server := fmt.Sprintf(`server="dns://%s"`, addr)
	to := fmt.Sprintf(`to="%s"`, upstream)
	for _, m := range []run.Metrics{node.Scrape(), run.Scrape(t, pages.String())} {
		for _, test := range []struct {
			name   string
			labels []string
			want   float64
		}{
			{"coredns_dns_requests_total", []string{server, `zone="."`, `view=""`, `proto="udp"`, `family="1"`, `type="A"`}, 6},
			{"coredns_dns_requests_total", []string{server, `zone="."`, `proto="tcp"`, `family="1"`, `type="A"`}, 1},
			{"coredns_dns_requests_total", []string{server, `zone="."`, `proto="udp"`, `type="AAAA"`}, 1},
			{"coredns_dns_responses_total", []string{server, `zone="."`, `rcode="NOERROR"`, `plugin="forward"`}, 3},
			{"coredns_dns_responses_total", []string{server, `zone="."`, `rcode="NOERROR"`, `plugin="cache"`}, 2},
			{"coredns_dns_responses_total", []string{server, `rcode="NXDOMAIN"`}, 2},
			{"coredns_dns_responses_total", []string{server, `rcode="SERVFAIL"`}, 1},
			{"coredns_dns_do_requests_total", []string{server, `zone="."`}, 1},
			{"coredns_dns_request_duration_seconds_count", []string{server, `zone="."`}, 9},
			{"coredns_dns_request_size_bytes_count", []string{server, `zone="."`, `proto="tcp"`}, 1},
			{"coredns_dns_response_size_bytes_count", []string{server, `zone="."`, `proto="udp"`}, 8},
			{"coredns_cache_requests_total", []string{server, `zones="."`, `view=""`}, 8},
			{"coredns_cache_hits_total", []string{server, `type="success"`, `zones="."`}, 2},
			{"coredns_cache_hits_total", []string{server, `type="denial"`, `zones="."`}, 1},
			{"coredns_cache_misses_total", []string{server, `zones="."`}, 5},
			{"coredns_cache_entries", []string{server, `type="success"`}, 2},
			{"coredns_cache_entries", []string{server, `type="denial"`}, 2}, // the failure is one,
			{"coredns_proxy_request_duration_seconds_count", []string{`proxy_name="forward"`, to, `rcode="NOERROR"`}, 3},
			{"coredns_proxy_request_duration_seconds_count", []string{`proxy_name="forward"`, to, `rcode="NXDOMAIN"`}, 1},
			{"coredns_proxy_request_duration_seconds_count", []string{`proxy_name="forward"`, to, `rcode="SERVFAIL"`}, 1},
			{"coredns_proxy_conn_cache_misses_total", []string{`proxy_name="forward"`, to, `proto="udp"`}, 5},
			{"coredns_forward_healthcheck_broken_total", nil, 0},
			{"coredns_forward_max_concurrent_rejects_total", nil, 0},
			{"coredns_panics_total", nil, 0},
			{"coredns_reload_failed_total", nil, 0},
			{"coredns_nodecache_setup_errors_total", []string{`errortype="configmap"`}, 0},
			{"coredns_plugin_enabled", []string{server, `zone="."`, `name="cache"`}, 1},
			{"coredns_build_info", nil, 1},
			{"process_open_fds", nil, 0},
			{"go_goroutines", nil, 0},
		} {
			if !m.Has(test.name, test.labels...) {
				t.Errorf("no %s%v", test.name, test.labels)
			}
			if strings.HasPrefix(test.name, "coredns_") {
				run.Equal(t, fmt.Sprint(test.name, test.labels), m.Sum(test.name, test.labels...)-since(before, test.name, test.labels), test.want)
			}
		}
	}
}

// since returns the earlier value of a counter, and 0 for a gauge.
func since(before run.Metrics, name string, labels []string) float64 {
	if strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") {
		return before.Sum(name, labels...)
	}
	return 0
}
