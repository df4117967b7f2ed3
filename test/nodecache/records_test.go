package nodecache

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestRecords asks the cluster DNS, and the node cache in front of it, the same questions.
func TestRecords(t *testing.T) {
	t.Parallel()
	_, cluster := run.ClusterDNS(t)
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, example(addr, cluster, ""))
	node.Answers(addr)
	for _, question := range []string{
		"my-svc.my-ns.svc.cluster.local A",
		"my-svc.my-ns.svc.cluster.local AAAA", // NODATA
		"dual.my-ns.svc.cluster.local AAAA",
		"db.my-ns.svc.cluster.local A",
		"_postgres._tcp.db.my-ns.svc.cluster.local SRV",
		"-x 10.96.0.20",
		"-x 10.244.2.30",
		"-x fd00:10:96::21",
		"mail.my-ns.svc.cluster.local A", // CNAME
		"10-244-1-20.my-ns.pod.cluster.local A",
		"none.my-ns.svc.cluster.local A", // NXDOMAIN
		"txt.example.com TXT",
		"mail.example.com A",
		"big.example.com A", // over TCP, as dig asks again
		"dns-version.cluster.local TXT",
		"cluster.local NS",
	} {
		for _, tcp := range []string{"+notcp", "+tcp"} {
			args := append(strings.Fields(question), tcp)
			want := run.Dig(t, cluster, args...)
			first, second := run.Dig(t, addr, args...), run.Dig(t, addr, args...)
			run.Equal(t, question+", first", first, want)
			run.Equal(t, question+", from the cache", second, want)
			run.Equal(t, question+", the other sections", rest(second), rest(want))
		}
	}
}

// rest returns the records of the other sections, sorted. They have no TTLs, and an SOA has no
// serial: it may have changed since the answer was cached.
func rest(a *run.Answer) (words []string) {
	for _, r := range a.Rest {
		data := strings.Fields(r.Data)
		if r.Type == "SOA" && len(data) > 2 {
			data[2] = "serial"
		}
		words = append(words, r.Name+" "+r.Type+" "+strings.Join(data, " "))
	}
	slices.Sort(words)
	return words
}

// TestSecondAsk asks twice. The second answer comes from the cache, and its TTL is shorter by the
// time between the two.
func TestSecondAsk(t *testing.T) {
	t.Parallel()
	_, cluster := run.ClusterDNS(t)
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, example(addr, cluster, "prometheus "+testkit.FreeAddr(t).String()))
	node.Answers(addr)
	before := node.Scrape()
	const name = "my-svc.my-ns.svc.cluster.local"
	first := run.Dig(t, addr, name)
	time.Sleep(2 * time.Second) // the answer is to be older; its TTL is another process's time
	second := run.Dig(t, addr, name)
	run.Equal(t, "second answer", second, first)
	if a, b := first.Answer[0].TTL, second.Answer[0].TTL; b > a-2 {
		t.Errorf("TTL %d s, and %d s two seconds later", a, b)
	}
	after := node.Scrape()
	for series, want := range map[string]float64{
		"coredns_cache_hits_total":                     1,
		"coredns_cache_misses_total":                   1,
		"coredns_cache_requests_total":                 2,
		"coredns_proxy_request_duration_seconds_count": 1,
	} {
		if got := after.Sum(series) - before.Sum(series); got != want {
			t.Errorf("%s rose by %v, expected %v", series, got, want)
		}
	}
}

// TestCase shows that the question comes back in the letter case in which it was asked, as clients
// expect that mix it at random (draft-vixie-dnsext-dns0x20), although the cache has another.
func TestCase(t *testing.T) {
	t.Parallel()
	_, cluster := run.ClusterDNS(t)
	addr := testkit.FreeAddr(t)
	run.NodeCache(t, example(addr, cluster, "")).Answers(addr)
	for _, name := range []string{"my-svc.my-ns.svc.cluster.local.", "MY-svc.mY-Ns.SVC.clusTER.Local.", "my-SVC.MY-ns.svc.CLUSTER.local."} {
		a := run.Dig(t, addr, name)
		run.Equal(t, "answer", a, "NOERROR; "+name+" A 10.96.0.20")
	}
}

// TestLargeAnswer asks for an answer that doesn't fit into a datagram. It is short and has TC over
// UDP, and is whole over TCP (RFC 2181, section 9).
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	_, cluster := run.ClusterDNS(t)
	addr := testkit.FreeAddr(t)
	run.NodeCache(t, example(addr, cluster, "")).Answers(addr)
	for range 2 { // from upstream, and from the cache
		short := run.Dig(t, addr, "+ignore", "big.example.com")
		if !short.Flag("tc") || len(short.Answer) == 100 {
			t.Errorf("over UDP: flags %v, %d records", short.Flags, len(short.Answer))
		}
		whole := run.Dig(t, addr, "big.example.com")
		if whole.Flag("tc") || len(whole.Answer) != 100 || !strings.Contains(whole.Text, "Truncated, retrying in TCP mode") {
			t.Errorf("with TCP: flags %v, %d records\n%s", whole.Flags, len(whole.Answer), whole.Text)
		}
	}
}
