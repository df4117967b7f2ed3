package hard

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// The run of search-path names.
const (
	externals  = 1000
	misses     = 10000
	missesTime = 10 * time.Second
	atATime    = 20
	leastFold  = 20
)

// TestCut asks stock CoreDNS, whose kubernetes plugin watches a real API server, through node
// caches: some answer NXDOMAIN below a denied name (RFC 8020), and one does not.
func TestCut(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]func(*testing.T, *world){
		"search path": searchPath, "a Service that comes": serviceComes,
		"a name in a hosts file": hostsEntry, "no such namespace": noNamespace, "types": otherTypes, "never cut": neverCut,
	} {
		t.Run(name, func(t *testing.T) {
			v := *w
			v.t = t
			test(t, &v)
		})
	}
}

// searchNames returns the names that the search paths of 20 namespaces make of 1,000 external
// names under 5 TLDs, in random order.
func searchNames() (names []string) {
	tlds := []string{"com", "org", "net", "io", "dev"}
	for i := range externals {
		for k := range misses / externals {
			names = append(names, fmt.Sprintf("api-%d.vendor.%s.team-%d.svc.cluster.local.", i, tlds[i%len(tlds)], (i/len(tlds)+k)%namespaces))
		}
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// searchPath counts the upstream queries of a run with the cut, and of one without.
func searchPath(t *testing.T, w *world) {
	plain := runSearch(t, w, "denial 9984 30\n\t\tcut off")
	cut := runSearch(t, w, "denial 9984 30")
	t.Logf("upstream queries for %d search-path misses: %d with cut off, %d with the cut: %.1f-fold fewer", misses, plain, cut, float64(plain)/float64(cut))
	if plain < misses {
		t.Errorf("a plain cache asked %d times, expected %d: the run says nothing", plain, misses)
	}
	if cut == 0 || plain < leastFold*cut {
		t.Errorf("%d queries with the cut, expected %d at most", cut, plain/leastFold)
	}
}

func runSearch(t *testing.T, w *world, cache string) (asked int) {
	t.Helper()
	n := w.node(w.long, cache)
	before, began := w.asked("cluster.local."), time.Now()
	expectAll(t, n, searchNames(), dns.RcodeNameError)
	took := time.Since(began)
	if took > missesTime {
		t.Logf("the machine is busy: the run took %v, and denials of 30 s may have expired meanwhile", took)
	}
	return w.asked("cluster.local.") - before
}

// expectAll asks for all names, several at a time, and expects a code. NXDOMAIN needs an SOA
// record, which says for how long it may be kept (RFC 2308, section 5).
func expectAll(t *testing.T, n *node, names []string, rcode int) {
	t.Helper()
	var next, bad atomic.Int64
	var group sync.WaitGroup
	for range atATime {
		group.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(names); i = next.Add(1) - 1 {
				a := overUDP.ask(n.addr, names[i])
				ok := a.err == nil && a.Rcode == rcode
				if rcode == dns.RcodeNameError {
					ok = ok && len(a.Ns) == 1 && a.Ns[0].Header().Rrtype == dns.TypeSOA && a.Ns[0].Header().Ttl <= keepLong
				}
				if !ok && bad.Add(1) < 10 {
					t.Errorf("%s: %v", names[i], a)
				}
			}
		})
	}
	group.Wait()
}

// learnCut asks for names that do not exist below one until they are cut there.
func learnCut(t *testing.T, n *node, below string) {
	t.Helper()
	cuts := func() float64 { return n.Scrape().Sum("nodecache_cut_answers_total") }
	before := cuts()
	for i := range 100 {
		if a := overUDP.ask(n.addr, fmt.Sprintf("junk-%d.%s", i, below)); a.Rcode != dns.RcodeNameError {
			t.Fatalf("junk below %s: %v", below, a)
		}
		if cuts() > before {
			return
		}
	}
	t.Fatalf("nothing is cut below %s", below)
}

// serviceComes creates a Service whose name was denied, so that everything below is cut, while
// clients go on asking for other names there. It resolves once the denial has expired: after the
// TTL that the server gives or the one that the cache allows, whichever is less.
func serviceComes(t *testing.T, w *world) {
	const service, host = "later.team-1.svc.cluster.local.", "web-0.later.team-1.svc.cluster.local."
	nodes := map[string]*node{
		"the server says 4 s":   w.node(w.brief, "denial 9984 30 0"),
		"the cache is told 4 s": w.node(w.long, fmt.Sprintf("denial 9984 %d", keepBrief)),
	}
	for _, n := range nodes {
		learnCut(t, n, service)
		for _, name := range []string{service, host} {
			if a := overUDP.ask(n.addr, name); a.Rcode != dns.RcodeNameError {
				t.Fatalf("%s before it is there: %v", name, a)
			}
		}
	}
	w.headless("team-1", "later", "web-0", "10.1.2.3")
	created := time.Now()
	var group sync.WaitGroup
	for how, n := range nodes {
		for _, name := range []string{service, host} {
			group.Go(func() {
				took, ok := resolves(n, name, service, created)
				t.Logf("%s, %s: resolved after %v", how, name, took)
				if limit := keepBrief*time.Second + 2*slack; !ok || took > limit {
					t.Errorf("%s: %s resolves after %v (%v), expected within %v", how, name, took, ok, limit)
				}
			})
		}
	}
	group.Wait()
}

// resolves asks for a name until it resolves, and for other names below the same Service.
func resolves(n *node, name, below string, since time.Time) (took time.Duration, ok bool) {
	for i := 0; time.Since(since) < 3*keepBrief*time.Second; i++ {
		a := overUDP.ask(n.addr, name)
		if a.err == nil && len(a.Answer) == 1 && a.Answer[0].(*dns.A).A.String() == "10.1.2.3" {
			return time.Since(since), true
		}
		overUDP.ask(n.addr, fmt.Sprintf("more-%d-%p.%s", i, &i, below))
		time.Sleep(20 * time.Millisecond) // this pace is the load
	}
	return time.Since(since), false
}

// hostsEntry asks for a name that the server has in a hosts file, below one that its kubernetes
// plugin denies. It may be cut at first. But a sample of the cut's names still goes upstream, so the
// name is found, and from then on nothing is cut there.
func hostsEntry(t *testing.T, w *world) {
	const below, mostCut = "com.team-19.svc.cluster.local.", 500
	n := w.node(w.long, "denial 9984 30")
	learnCut(t, n, below)
	found := func() bool {
		a := overUDP.ask(n.addr, special)
		return a.err == nil && len(a.Answer) == 1 && a.Answer[0].(*dns.A).A.String() == specialIs
	}
	cut := 0
	for !found() {
		if cut++; cut > mostCut {
			t.Fatalf("%s is not found though it was asked for %d times", special, cut)
		}
	}
	t.Logf("found after %d answers that denied it", cut)
	if cut == 0 {
		t.Error("it was never cut, so that finding it says nothing")
	}
	before := n.Scrape().Sum("nodecache_cut_answers_total")
	asked := w.asked("cluster.local.")
	for i := range 300 {
		if !found() {
			t.Fatalf("%s is denied again, at try %d", special, i)
		}
		if a := overUDP.ask(n.addr, fmt.Sprintf("more-%d.%s", i, below)); a.Rcode != dns.RcodeNameError {
			t.Fatalf("more-%d.%s: %v", i, below, a)
		}
	}
	after := n.Scrape()
	if got := after.Sum("nodecache_cut_answers_total") - before; got != 0 {
		t.Errorf("%v answers were cut below %s, though something is there", got, below)
	}
	if got := w.asked("cluster.local.") - asked; got < 300 {
		t.Errorf("the server was asked for %d of 300 names below %s, though something is there", got, below)
	}
	if d := after.Sum("nodecache_cuts_dropped_total"); d < 1 {
		t.Errorf("nodecache_cuts_dropped_total is %v", d)
	}
}

// noNamespace asks for a name that the server has in a hosts file, in a namespace that does not
// exist. It resolves, whatever else clients ask for there.
func noNamespace(t *testing.T, w *world) {
	n := w.node(w.long, "denial 9984 30")
	for i := range 100 {
		for _, name := range []string{"junk-%d.legacy.svc.cluster.local.", "junk-%d.com.legacy.svc.cluster.local."} {
			if a := overUDP.ask(n.addr, fmt.Sprintf(name, i)); a.Rcode != dns.RcodeNameError {
				t.Fatalf(name+": %v", i, a)
			}
		}
	}
	if a := overUDP.ask(n.addr, legacy); len(a.Answer) != 1 || a.Answer[0].(*dns.A).A.String() != specialIs {
		t.Errorf("%s: %v", legacy, a)
	}
	if got := n.Scrape().Sum("nodecache_cut_answers_total"); got != 0 {
		t.Errorf("%v answers were cut in a namespace that does not exist", got)
	}
}

// otherTypes asks for TXT at a namespace that exists. The server's kubernetes plugin denies the
// name, as it does for types that it does not look up. That denies nothing below.
func otherTypes(t *testing.T, w *world) {
	const service = "web.team-5.svc.cluster.local."
	w.headless("team-5", "web", "web-0", "10.1.5.5")
	testkit.Eventually(t, "the server knows the Service", func() bool {
		return overUDP.ask(w.long, service).Rcode == dns.RcodeSuccess
	})
	n := w.node(w.long, "denial 9984 30")
	text := func(name string) answer {
		m, err := overUDP.exchange(n.addr, question(name).SetQuestion(name, dns.TypeTXT))
		if err != nil {
			t.Fatal(err)
		}
		return answer{Msg: m}
	}
	for range 5 {
		if a := text("team-5.svc.cluster.local."); a.Rcode != dns.RcodeNameError {
			t.Fatalf("TXT at a namespace: %v, expected the stock program's NXDOMAIN", a)
		}
	}
	if a := text(noted); len(a.Answer) != 1 {
		t.Errorf("TXT at %s: %v", noted, a)
	}
	if a := overUDP.ask(n.addr, "web-0."+service); len(a.Answer) != 1 {
		t.Errorf("web-0.%s: %v", service, a)
	}
}

// neverCut asks for names in zones and below labels where nothing may be cut.
func neverCut(t *testing.T, w *world) {
	const many = 300
	n := w.node(w.long, "denial 9984 30")
	for _, kind := range []struct{ zone, name string }{
		{"cluster.local.", "n%d._tcp.team-2.svc.cluster.local."},
		{"cluster.local.", "n%d.x.my_app.team-3.svc.cluster.local."},
		{"cluster.local.", "n%d.x.pod.cluster.local."},
		{"cluster.local.", "n%d.x.cluster.local."},
		{"in-addr.arpa.", "%d.50.10.in-addr.arpa."},
	} {
		var names []string
		for i := range many {
			names = append(names, fmt.Sprintf(kind.name, i))
		}
		before := w.asked(kind.zone)
		expectAll(t, n, names, dns.RcodeNameError)
		if got := w.asked(kind.zone) - before; got < many {
			t.Errorf("%s: the server was asked %d times for %d names", kind.name, got, many)
		}
	}
	if cuts := n.Scrape().Sum("nodecache_cut_answers_total"); cuts != 0 {
		t.Errorf("%v answers were cut", cuts)
	}
}
