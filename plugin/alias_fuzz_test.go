package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// graph is aliases n0, n1, … of the namespace default, by number: the target of each.
type graph []string

// ends are targets that are no aliases, and what is at them.
var ends = [][2]string{
	{"www.example.", "192.0.2.7"},
	{"missing.example.", "NXDOMAIN"},
	{"fail.example.", "SERVFAIL"},
	{"web.default.svc.cluster.local.", "10.96.0.20"},
	{"late.default.svc.other.local.", "192.0.2.8"},
	{"far.default.svc.clusterset.local.", "10.112.0.5"},
	{"n0.default.svc.clusterset.local.", "NXDOMAIN"},
	{"none.default.svc.cluster.local.", "NXDOMAIN"},
	{"none.default.svc.other.local.", "NXDOMAIN"},
}

// newGraph makes a graph of what a fuzzer says: two bytes for each alias.
func newGraph(data []byte) (g graph) {
	zones := []string{"default.svc.cluster.local.", "default.svc.other.local.", "apps.example."}
	n := min(len(data)/2, 12)
	for i := range n {
		kind, to := int(data[2*i]), int(data[2*i+1])
		if kind%8 == 7 {
			g = append(g, ends[to%len(ends)][0])
		} else {
			g = append(g, fmt.Sprintf("n%d.%s", to%n, zones[kind%len(zones)]))
		}
	}
	return g
}

// put writes the graph in place of the one before.
func (g graph) put(before int) {
	for i, target := range g {
		alias(fmt.Sprint("n", i), target)
	}
	for i := len(g); i < before; i++ {
		written.DeleteService(zone.Local, zone.Key{Namespace: "default", Name: fmt.Sprint("n", i)})
	}
}

// rewritten is what the server makes of a name.
func rewritten(s string) string {
	return strings.ReplaceAll(s, ".apps.example.", ".default.svc.cluster.local.")
}

// walk says what there is at name: what way makes of the answer, with every name rewritten.
func (g graph) walk(name string) string {
	var seen, words []string
	for {
		name = rewritten(name)
		i := slices.IndexFunc(ends, func(e [2]string) bool { return e[0] == name })
		if i >= 0 {
			return strings.Join(append(words, ends[i][1]), " ")
		}
		if slices.Contains(seen, name) || len(seen) == longestChain {
			return strings.Join(append(words, "SERVFAIL"), " ")
		}
		seen = append(seen, name)
		var number int
		if _, err := fmt.Sscanf(name, "n%d.", &number); err != nil {
			panic(err)
		}
		name = g[number]
		words = append(words, rewritten(name))
	}
}

// FuzzAliases asks for each alias of a random graph over zones of one server, with a rewrite
// between them, and compares with a walk of the graph. A second server, with everything that
// asks itself again, has to answer within the bounds of one query.
func FuzzAliases(f *testing.F) {
	f.Add([]byte("\x00\x01\x01\x00"))                                         // two zones
	f.Add([]byte("\x02\x00"))                                                 // a rewrite to itself
	f.Add([]byte("\x01\x01\x02\x02\x00\x03\x01\x04\x02\x05\x01\x06\x07\x00")) // a way to an end
	f.Add([]byte("\x00\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00\x09\x00\x0a\x07\x00"))
	f.Add([]byte("\x01\x01\x00\x02\x01\x03\x00\x04\x01\x05\x00\x06\x01\x07\x00\x08\x01\x09\x00\x0a\x07\x00"))
	for i := range ends {
		f.Add([]byte{1, 1, 2, 2, 7, byte(i)})
	}
	newCluster()
	plain := startServer(f, strings.ReplaceAll(theChain, "cache 30", ""))
	wild := startServer(f, strings.ReplaceAll(theChain, "cache 30", "cache 30\n autopath @kubernetes\n dns64 {\n allow_ipv4\n }"))
	before := 0
	f.Fuzz(func(t *testing.T, data []byte) {
		g := newGraph(data)
		g.put(before)
		before = len(g)
		for i := range g {
			for _, origin := range []string{"default.svc.cluster.local.", "default.svc.other.local.", "apps.example."} {
				name := fmt.Sprintf("n%d.%s", i, origin)
				if got, want := rewritten(way(exchange(t, plain, name, dns.TypeA))), g.walk(name); got != want {
					t.Fatalf("%q, at %s: %q, want %q", g, name, got, want)
				}
				lookups.Store(0)
				exchange(t, wild, name, dns.TypeAAAA)
				if n := lookups.Load(); n > mostLookups {
					t.Fatalf("%q, at %s: %d lookups", g, name, n)
				}
			}
		}
	})
}
