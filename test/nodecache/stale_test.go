package nodecache

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestServeStale gives an answer that has expired (RFC 8767) as the Corefile says: with the TTL,
// for the time, and before or after upstream is asked.
func TestServeStale(t *testing.T) {
	t.Parallel()
	const old, fresh, failed = "NOERROR; a.example. A 192.0.2.1", "NOERROR; a.example. A 192.0.2.2", "SERVFAIL"
	changed := run.Addresses("192.0.2.2", 300)
	says := func(code int) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(q, code)) }
	}
	silent := func(dns.ResponseWriter, *dns.Msg) {}
	for what, test := range map[string]struct {
		lines string // of cache
		then  dns.HandlerFunc
		wants []string // two answers, one right after the other
		ttl   int      // of a stale one
		asked int64    // meanwhile, if it matters
	}{
		"as it is":                        {"", says(dns.RcodeServerFailure), []string{old, old}, 30, 0},
		"as it is, refused":               {"", says(dns.RcodeRefused), []string{old, old}, 30, 0},
		"as it is, silent":                {"", silent, []string{old, old}, 30, 0},
		"as it is, changed":               {"", changed, []string{fresh, fresh}, 0, 1},
		"off":                             {"serve_stale off", says(dns.RcodeServerFailure), []string{failed, failed}, 0, 0},
		"no time":                         {"serve_stale 0s", says(dns.RcodeServerFailure), []string{failed, failed}, 0, 0},
		"immediate":                       {"serve_stale", changed, []string{old, fresh}, 0, 1},
		"immediate, with a TTL":           {"serve_stale 1h immediate 20s", says(dns.RcodeServerFailure), []string{old, old}, 20, 0},
		"verify":                          {"serve_stale 1h verify", changed, []string{fresh, fresh}, 0, 1},
		"verify, refused":                 {"serve_stale 1h verify", says(dns.RcodeRefused), []string{old, old}, 0, 1}, // RFC 9520, section 3.2
		"verify, refused, recheck":        {"serve_stale 1h verify 0s 20s 1m", says(dns.RcodeRefused), []string{old, old}, 20, 1},
		"verify, denied":                  {"serve_stale 1h verify", says(dns.RcodeNameError), []string{"NXDOMAIN", "NXDOMAIN"}, 0, 2},
		"verify, denied, prefer positive": {"serve_stale 1h verify\nserve_stale_policy prefer_positive", says(dns.RcodeNameError), []string{old, old}, 0, 2},
		"verify 1s, silent":               {"serve_stale 1h verify 1s 20s", silent, []string{old, old}, 20, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var does atomic.Pointer[dns.HandlerFunc]
			first := run.Addresses("192.0.2.1", 1)
			does.Store(&first)
			var asked atomic.Int64
			up, addr := run.Fake(t, counted(&asked, func(w dns.ResponseWriter, q *dns.Msg) { (*does.Load())(w, q) })), run.Addr(t)
			node := run.NodeCache(t, fmt.Sprintf(".:%d {\nbind 127.0.0.1\ncache {\nsuccess 1024 60 0\n%s\n}\nforward . %s\n}\n", addr.Port(), test.lines, up))
			node.Answers(addr)
			run.Equal(t, "at first", run.Dig(t, addr, "a.example").String(), old)
			time.Sleep(1100 * time.Millisecond)
			does.Store(&test.then)
			before := asked.Load()
			for i, want := range test.wants {
				began := time.Now()
				a := run.Dig(t, addr, "a.example")
				if took := time.Since(began); a.String() != want || took > 2500*time.Millisecond {
					t.Fatalf("answer %d is %s after %v, want %s", i, a, took, want)
				}
				if want == old && a.Answer[0].TTL != test.ttl {
					t.Errorf("answer %d has the TTL %d, want %d", i, a.Answer[0].TTL, test.ttl)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if n := asked.Load() - before; test.asked > 0 && n != test.asked {
				t.Errorf("upstream was asked %d times, want %d", n, test.asked)
			}
			if stale := strings.Count(strings.Join(test.wants, "\n"), old); node.Scrape().Sum("nodecache_stale_answers_total") != float64(stale) {
				t.Errorf("%v stale answers were counted, want %d", node.Scrape().Sum("nodecache_stale_answers_total"), stale)
			}
		})
	}
}
