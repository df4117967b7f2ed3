package resolve

import (
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/nodecache/cache"
)

// handled returns a function that handles what words say, as the front does. It fails the test if
// the answer does not come at once.
func (r *rig) handled(words string) func() {
	query, buf := build(r.t, words), make([]byte, 0, 4096)
	c := listen.NewClient(r.client, r.local, has(words, "tcp"), func() listen.Responder {
		r.t.Fatalf("%s is not answered at once", words)
		return nil
	})
	return func() {
		r.block.cuts.answers.Store(0) // not the one that goes upstream
		r.Handle(buf, query, c)
	}
}

// warm returns a rig that can answer something of each kind at once.
func warm(t testing.TB) *rig {
	r := newRig(t, func(b *Block) {
		b.Policy.ServFail = cache.Backoff{First: time.Hour, Max: time.Hour}
		b.Policy.Denial.Max = 3600
	})
	r.up.say("a.example. A", "a.example. 3600 A 10.0.0.1", "a.example. 3600 A 10.0.0.2", "a.example. 3600 A 10.0.0.3")
	r.up.say("db.team-1.svc.cluster.local. A", "db.team-1.svc.cluster.local. 3600 A 10.96.0.1")
	r.up.say("a.example. ANY", "a.example. 3600 A 10.0.0.1", "a.example. 3600 TXT x")
	r.up.say("bad.example. A", "SERVFAIL")
	r.up.say("team-1.svc.cluster.local. A", "--", strings.ReplaceAll(soa, "30", "3600"))
	for _, question := range []string{"nx.example. A", team("com") + " A"} {
		r.up.say(question, "NXDOMAIN", "--", strings.ReplaceAll(soa, "30", "3600"), "EDE 0 no such name")
	}
	for _, words := range []string{"a.example.", "a.example. ANY", team("db"), "bad.example.", "nx.example.", "team-1.svc.cluster.local.", team("com")} {
		r.ask(words)
	}
	r.block.Hosts = inline("10.0.0.1 known", testkit.Name(t, "."))
	return r
}

// hits are queries that warm's rig answers at once.
var hits = map[string]string{
	"hit":                   "db.team-1.svc.cluster.local.",
	"hit, addresses":        "a.example.",
	"hit, OPT":              "A.example. edns",
	"hit, cookie":           "a.example. cookie=0102030405060708",
	"hit, TCP, keepalive":   "a.example. keepalive tcp",
	"hit, denial":           "nx.example. edns",
	"cut":                   "www.example.com.team-1.svc.cluster.local.",
	"cut, AAAA":             "www.example.com.team-1.svc.cluster.local. AAAA edns",
	"a failure kept":        "bad.example. edns",
	"refused":               "a.example. AXFR",
	"refused, no zone":      "a.example. class=4 edns",
	"two OPT records":       "a.example. twice",
	"BADVERS":               "a.example. version=1",
	"a cookie alone":        "a.example. questions=0 cookie=0102030405060708",
	"localhost":             "localhost. edns",
	"a hosts file":          "known. edns",
	"ANY":                   "a.example. ANY",
	"version.bind":          "version.bind. TXT class=3",
	"an opcode of nobody's": "a.example. opcode=9",
}

// TestAllocations shows that an answer at once allocates nothing, and neither does counting it.
func TestAllocations(t *testing.T) {
	r := warm(t)
	for what, words := range hits {
		if n := testing.AllocsPerRun(500, r.handled(words)); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	r := warm(b)
	for _, what := range []string{"hit", "hit, addresses", "hit, OPT", "hit, cookie", "hit, denial", "cut", "cut, AAAA", "localhost", "refused"} {
		b.Run(what, func(b *testing.B) {
			handle := r.handled(hits[what])
			b.ReportAllocs()
			for b.Loop() {
				handle()
			}
		})
	}
}

// BenchmarkMiss measures a query that is new to the cache, from the front and back to it.
func BenchmarkMiss(b *testing.B) {
	r := newRig(b, func(block *Block) { block.Kept = nil })
	b.ReportAllocs()
	for b.Loop() {
		r.send("nx.example.").wait()
	}
}
