package nodecache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestServeStale shows that expired answers (RFC 8767) follow the Corefile: their TTL, how long
// they are given, and whether upstream is asked first.
func TestServeStale(t *testing.T) {
	t.Parallel()
	const failure = 3500 * time.Millisecond // waiting for a silent server's failure would take longer
	const old, fresh, failed = "NOERROR; a.example. A 192.0.2.1", "NOERROR; a.example. A 192.0.2.2", "SERVFAIL"
	changed := testkit.Address("192.0.2.2", 300)
	says, silent := testkit.Rcode, testkit.Silent
	for what, test := range map[string]struct {
		lines string // of cache
		then  testkit.Play
		wants []string // two answers, one right after the other
		ttl   int      // of a stale one
		asked int      // meanwhile, if it matters
	}{
		"as it is":                        {"", says(wire.ServFail), []string{old, old}, 30, 0},
		"as it is, refused":               {"", says(wire.Refused), []string{old, old}, 30, 0},
		"as it is, silent":                {"", silent, []string{old, old}, 30, 0},
		"as it is, changed":               {"", changed, []string{fresh, fresh}, 0, 1},
		"off":                             {"serve_stale off", says(wire.ServFail), []string{failed, failed}, 0, 0},
		"no time":                         {"serve_stale 0s", says(wire.ServFail), []string{failed, failed}, 0, 0},
		"immediate":                       {"serve_stale", changed, []string{old, fresh}, 0, 1},
		"immediate, with a TTL":           {"serve_stale 1h immediate 20s", says(wire.ServFail), []string{old, old}, 20, 0},
		"verify":                          {"serve_stale 1h verify", changed, []string{fresh, fresh}, 0, 1},
		"verify, refused":                 {"serve_stale 1h verify", says(wire.Refused), []string{old, old}, 0, 1}, // RFC 9520, section 3.2
		"verify, refused, recheck":        {"serve_stale 1h verify 0s 20s 1m", says(wire.Refused), []string{old, old}, 20, 1},
		"verify, denied":                  {"serve_stale 1h verify", says(wire.NXDomain), []string{"NXDOMAIN", "NXDOMAIN"}, 0, 2},
		"verify, denied, prefer positive": {"serve_stale 1h verify\nserve_stale_policy prefer_positive", says(wire.NXDomain), []string{old, old}, 0, 2},
		"verify 1s, silent":               {"serve_stale 1h verify 1s 20s", silent, []string{old, old}, 20, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			up, addr := testkit.Serve(t, testkit.Address("192.0.2.1", 1)), testkit.FreeAddr(t)
			node := run.NodeCache(t, fmt.Sprintf(".:%d {\nbind 127.0.0.1\ncache {\nsuccess 1024 60 0\n%s\n}\nforward . %s\n}\n", addr.Port(), test.lines, up.Addr))
			node.Answers(addr)
			run.Equal(t, "at first", run.Dig(t, addr, "a.example").String(), old)
			time.Sleep(1100 * time.Millisecond) // until the answer has expired: its TTL is another process's time
			up.Do(test.then)
			before := up.Asked("a.example.")
			for i, want := range test.wants {
				a := run.Dig(t, addr, "a.example")
				if a.String() != want || a.Took > failure {
					t.Fatalf("answer %d is %s after %v, want %s", i, a, a.Took, want)
				}
				if want == old && a.Answer[0].TTL != test.ttl {
					t.Errorf("answer %d has the TTL %d, want %d", i, a.Answer[0].TTL, test.ttl)
				}
				time.Sleep(100 * time.Millisecond) // for the refresh that a stale answer starts: only the next answer shows it
			}
			if n := up.Asked("a.example.") - before; test.asked > 0 && n != test.asked {
				t.Errorf("upstream was asked %d times, want %d", n, test.asked)
			}
			if stale := strings.Count(strings.Join(test.wants, "\n"), old); node.Scrape().Sum("nodecache_stale_answers_total") != float64(stale) {
				t.Errorf("%v stale answers were counted, want %d", node.Scrape().Sum("nodecache_stale_answers_total"), stale)
			}
		})
	}
}
