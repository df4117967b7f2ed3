package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

const denied = "NXDOMAIN; " + soa

// team returns the name that a Pod of namespace team-1 looks up.
func team(name string) string { return name + ".team-1.svc.cluster.local." }

// cutRig returns a rig that knows that com.team-1.svc.cluster.local does not exist: two names below
// it were denied.
func cutRig(t *testing.T) *rig {
	r := newRig(t)
	r.up.say("team-1.svc.cluster.local. A", "--", soa)
	r.want(team("api.github.com"), denied)
	r.want(team("www.example.com"), denied)
	r.take()
	return r
}

// TestCutFound shows that the Resolver finds out by itself that a name does not exist, when names
// below it keep being denied. Then it denies everything below it (RFC 8020, section 2).
func TestCutFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("team-1.svc.cluster.local. A", "--", soa)
		r.want(team("api.github.com"), denied)
		r.asked(team("api.github.com") + " A")
		r.want(team("www.example.com")+" AAAA", denied)
		got := strings.Join(r.take(), ", ")
		for _, want := range []string{team("www.example.com") + " AAAA", team("com") + " A", "team-1.svc.cluster.local. A"} {
			if !strings.Contains(got, want) {
				t.Errorf("upstream was not asked %s, but %s", want, got)
			}
		}
		pass(10 * second)
		left := strings.Replace(denied, "30 SOA", "20 SOA", 1)
		for _, words := range []string{"a.example.com", "b.example.com", "other.com", "x.y.z.com"} {
			r.want(team(words), left)
			r.want(team(words)+" AAAA edns", left+"; OPT 1232 ede=29")
			r.want(team(words)+" TYPE65 do tcp", left+"; OPT 1232 do ede=29")
		}
		r.want("O.Com.TEAM-1.svc.cluster.LOCAL.", "NXDOMAIN; cluster.LOCAL. 20 SOA ns.dns.cluster.LOCAL. hostmaster.cluster.LOCAL. 1 7200 1800 86400 30")
		r.asked()
		r.counted("nodecache_cut_probes_total 2", "nodecache_cut_answers_total 13")
	})
}

// TestCutKnown cuts below names that clients asked for themselves.
func TestCutKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("team-1.svc.cluster.local. A", "--", soa)
		r.ask("team-1.svc.cluster.local.")
		r.want(team("com"), denied)
		r.take()
		r.want(team("a.com")+" AAAA", denied)
		r.want(team("b.a.com")+" SRV", denied)
		r.want(team("net")+" do", denied+"; OPT 1232 do")
		r.want(team("a.net")+" do", denied+"; OPT 1232 do ede=29")
		r.asked(team("net") + " A")
	})
}

// TestCutTypes cuts only where type A is denied. Stock CoreDNS says NXDOMAIN to TXT at namespaces
// and Services that exist, and have names below them.
func TestCutTypes(t *testing.T) {
	for _, typ := range []string{"AAAA", "TXT", "HTTPS", "SRV", "MX"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("team-1.svc.cluster.local. A", "--", soa)
			r.ask("team-1.svc.cluster.local.")
			exists := "pod-0." + team("db")
			r.up.say(exists+" "+typ, "--", soa)
			for _, name := range []string{"team-1.svc.cluster.local.", team("db")} { // which A says exist
				r.want(name+" "+typ, denied)
			}
			r.take()
			r.want(exists+" "+typ, "NOERROR; "+soa)
			r.want("pod-1."+team("db")+" "+typ, denied)
			r.asked(exists+" "+typ, "pod-1."+team("db")+" "+typ)
		})
	}
}

// TestCutNamespaces cuts only below namespaces that upstream says exist. Below others upstream may
// have names from elsewhere, a hosts file for instance. The junk of one Pod must not deny them to
// another.
func TestCutNamespaces(t *testing.T) {
	for what, says := range map[string][]string{
		"denied":                  {"NXDOMAIN", "--", soa},
		"an upstream that fails":  {"SERVFAIL"},
		"an upstream that is shy": {"REFUSED"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("legacy.svc.cluster.local. A", says...)
			exists := "git.legacy.svc.cluster.local."
			r.up.say(exists+" A", exists+" 5 A 10.0.0.1")
			r.up.say("x."+exists+" A", "x."+exists+" 5 A 10.0.0.2")
			r.ask("legacy.svc.cluster.local.")
			for i := range 10 {
				r.want(fmt.Sprintf("%d.legacy.svc.cluster.local.", i), denied)
				r.want(fmt.Sprintf("%d.com.legacy.svc.cluster.local.", i), denied)
			}
			synctest.Wait()
			r.want(exists, "NOERROR; "+exists+" 5 A 10.0.0.1")
			r.want("x."+exists, "NOERROR; x."+exists+" 5 A 10.0.0.2")
			r.take()
			r.want("com.legacy.svc.cluster.local.", denied)
			r.want("new.com.legacy.svc.cluster.local.", denied)
			if got := r.take(); !slices.Contains(got, "new.com.legacy.svc.cluster.local. A") {
				t.Errorf("%s: it was cut; asked %q", what, got)
			}
		})
	}
}

// TestCutUpstreams shows that the denial of one upstream denies nothing that another is asked for.
func TestCutUpstreams(t *testing.T) {
	here := func(zone string) func(*Block, *fake) {
		return func(b *Block, other *fake) {
			b.Forwards = slices.Insert(b.Forwards, 0, &Forward{From: testkit.Name(t, zone), Upstream: other, Servers: new(cache.Servers)})
		}
	}
	for what, tt := range map[string]struct {
		edit func(*Block, *fake)
		want string
	}{
		"a forward of a Service":       {here(team("deep.com")), "NOERROR; " + team("x.deep.com") + " 5 A 10.0.0.1"},
		"a forward of the name itself": {here(team("x.deep.com")), "NOERROR; " + team("x.deep.com") + " 5 A 10.0.0.1"},
		"a forward behind except": {func(b *Block, other *fake) {
			b.Forwards[0].Except = []wire.Name{testkit.Name(t, team("deep.com"))}
			b.Forwards = append(b.Forwards, &Forward{From: wire.Name{0}, Upstream: other, Servers: new(cache.Servers)})
		}, "NOERROR; " + team("x.deep.com") + " 5 A 10.0.0.1"},
		"except, and no other forward": {func(b *Block, _ *fake) {
			b.Forwards[0].Except = []wire.Name{testkit.Name(t, team("deep.com"))}
		}, "SERVFAIL"},
		"a forward that others hand on to": {func(b *Block, other *fake) {
			b.Forwards[0].Next = []wire.Rcode{wire.NXDomain}
			b.Forwards = append(b.Forwards, &Forward{From: testkit.Name(t, team("deep.com")), Upstream: other, Servers: new(cache.Servers)})
		}, "NOERROR; " + team("x.deep.com") + " 5 A 10.0.0.1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			other := newFake()
			other.say(team("x.deep.com")+" A", team("x.deep.com")+" 5 A 10.0.0.1")
			r := newRig(t, func(b *Block) { tt.edit(b, other) })
			r.up.say("team-1.svc.cluster.local. A", "--", soa)
			for i := range 5 {
				r.ask(team(fmt.Sprint("host.", i, ".com")))
				r.ask(team(fmt.Sprint(i, ".com")))
			}
			r.take()
			if r.want(team("y.com"), denied); len(r.take()) > 0 {
				t.Errorf("%s: nothing is cut at all", what)
			}
			if got := r.ask(team("x.deep.com")); got != tt.want {
				t.Errorf("%s: %s", what, got)
			}
		})
	}
}

// TestCutHosts shows that a name of our own hosts file is not cut for types that the file can't
// have.
func TestCutHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) {
			b.Hosts = inline("10.0.0.9 git."+strings.TrimSuffix(team("com"), "."), wire.Name{0})
			b.Hosts.Unsupported = true
		})
		r.up.say("team-1.svc.cluster.local. A", "--", soa)
		r.up.say("git."+team("com")+" TXT", "git."+team("com")+` 5 TXT "x"`)
		for i := range 5 {
			r.want(team(fmt.Sprint(i, ".com")), denied)
		}
		synctest.Wait()
		r.want("git."+team("com")+" TXT", "NOERROR; git."+team("com")+` 5 TXT "x"`)
	})
}

// TestCutDeep cuts below a long name that clients asked for, though upstream is only asked about
// short ones (RFC 8020, section 2).
func TestCutDeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("team-1.svc.cluster.local. A", "--", soa)
		r.ask("team-1.svc.cluster.local.")
		r.take()
		r.want(team("a.b.c.d"), denied)
		r.want(team("more.a.b.c.d"), denied)
		r.want(team("yet.more.a.b.c.d")+" AAAA", denied)
		r.asked(team("a.b.c.d") + " A")
		r.counted("nodecache_cut_answers_total 2", "nodecache_cut_probes_total 0")
		r.up.say(team("x.q.b.c.d")+" A", team("x.q.b.c.d")+" 5 A 10.0.0.1") // as from a hosts file
		r.want(team("q.b.c.d"), denied)
		for i := 0; !strings.HasPrefix(r.ask(team("x.q.b.c.d")), "NOERROR"); i++ {
			if i == sampleEvery {
				t.Fatal("it is not found")
			}
		}
		pass(10 * second)
		r.ask(team("y.q.b.c.d"))
		if got := r.take(); got[len(got)-1] != team("y.q.b.c.d")+" A" {
			t.Errorf("asked %q: it is cut still", got)
		}
	})
}

// TestCutNot shows which names are not cut, and that upstream is not asked about the names above
// them.
func TestCutNot(t *testing.T) {
	for _, tt := range []struct {
		what, above string
		says        []string // of the name above
		names       []string
	}{
		{"names outside svc.<cluster domain>", "a.example.", nil, []string{"1.a.example.", "2.a.example.", "3.a.example."}},
		{"reverse zones", "1.10.in-addr.arpa.", nil, []string{"1.1.10.in-addr.arpa.", "2.1.10.in-addr.arpa.", "3.1.10.in-addr.arpa."}},
		{"Pods", "ns.pod.cluster.local.", nil, []string{"1.ns.pod.cluster.local.", "2.ns.pod.cluster.local.", "3.ns.pod.cluster.local."}},
		{"the zone itself", "svc.cluster.local.", nil, []string{"a.svc.cluster.local.", "b.svc.cluster.local.", "c.svc.cluster.local."}},
		{"labels with an underscore, RFC 8552", "_x.team-1.svc.cluster.local.", nil, []string{team("a._x"), team("b._x"), team("c._x")}},
		{"labels with an underscore above, RFC 8552", team("com"), nil, []string{team("a._x.com"), team("_b.com"), team("a._x._y.com")}},
		{"labels with an underscore below a Service, RFC 8552", team("db"), nil, []string{team("_pg._tcp.db"), team("_http._tcp.db"), team("_tcp.db")}},
		{"an alias to nowhere, RFC 6604, section 3", "a.team-1.svc.cluster.local.",
			[]string{"NXDOMAIN", "a.team-1.svc.cluster.local. 60 CNAME nx.example.", "--", soa}, []string{team("1.a"), team("2.a"), team("3.a")}},
		{"names that have other types", "a.team-1.svc.cluster.local.", []string{"--", soa}, []string{team("1.a"), team("2.a"), team("3.a")}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("team-1.svc.cluster.local. A", "--", soa)
			if tt.says != nil {
				r.up.say(tt.above+" A", tt.says...)
			}
			r.ask(tt.above)
			r.ask("team-1.svc.cluster.local.")
			r.take()
			var want []string
			for _, name := range tt.names {
				r.want(name, denied)
				want = append(want, name+" A")
			}
			if got := r.take(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: asked %q, want %q", tt.what, got, want)
			}
		})
	}
}

// TestCutSuspicion shows which answers say nothing about the name above: aliases that lead nowhere
// (RFC 6604, section 3), NODATA, and denials that the cache may not keep, since it could not keep
// the denial of the name above either.
func TestCutSuspicion(t *testing.T) {
	for _, says := range [][]string{
		{"NXDOMAIN", "%s 60 CNAME nx.example.", "--", soa}, {"--", soa}, {"NXDOMAIN"}, {"SERVFAIL"}, {"REFUSED"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			for i := range 5 {
				name := team(fmt.Sprint(i, ".com"))
				records := append([]string(nil), says...)
				for i := range records {
					records[i] = strings.Replace(records[i], "%s", name, 1)
				}
				r.up.say(name+" A", records...)
				r.ask(name)
			}
			if n := len(r.take()); n != 5 {
				t.Errorf("%q: upstream was asked %d times", says, n)
			}
		})
	}
}

// TestCutOff shows `cut off`, and a block whose cache keeps no denial.
func TestCutOff(t *testing.T) {
	for what, edit := range map[string]func(*Block){
		"off":       func(b *Block) { b.Services = nil },
		"no denial": func(b *Block) { b.NoDenial = []wire.Name{{0}} },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, edit)
			r.ask(team("com"))
			for i := range 10 {
				r.want(team(fmt.Sprint(i, ".com")), denied)
			}
			if n := len(r.take()); n != 11 {
				t.Errorf("%s: upstream was asked %d times", what, n)
			}
		})
	}
}

// TestCutSample sends one answer in 200 upstream. If a name is found there, nothing below the
// denied name is cut for an hour.
func TestCutSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := cutRig(t)
		exists := team("db.legacy.com")
		r.up.say(exists+" A", exists+" 5 A 10.0.0.1")
		denials := 0
		for range 3 * sampleEvery {
			if r.ask(exists) == denied {
				denials++
			}
		}
		if asked := r.take(); denials >= sampleEvery || len(asked) != 1 {
			t.Errorf("%d denials, %d queries upstream", denials, len(asked))
		}
		r.counted("nodecache_cuts_dropped_total 1")
		for range 10 { // what came of the name above meanwhile makes no cut again
			r.ask(team("com"))
			pass(10 * second)
			r.want(exists, "NOERROR; "+exists+" 5 A 10.0.0.1")
			r.ask(team("x.com"))
		}
		pass(31 * second)
		r.take()
		for i := range 5 { // nor is it looked for
			r.ask(team(fmt.Sprint(i, ".new.com")))
		}
		if got := r.take(); slices.Contains(got, team("com")+" A") {
			t.Errorf("asked %q", got)
		}
		pass(barredFor + time.Minute)
		r.ask("team-1.svc.cluster.local.")
		r.ask(team("com"))
		r.want(exists, denied)
	})
}

// TestCutNever shows that a name which was found to exist is never denied while clients ask for it,
// though the name above is denied.
func TestCutNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		exists := team("db.com")
		r.up.say(exists+" A", exists+" 60 A 10.0.0.1")
		for range 200 {
			r.want(exists, "NOERROR; "+exists+" 60 A 10.0.0.1")
			pass(50 * second)
			for i := range 3 {
				r.ask(team(fmt.Sprint(i, ".com")))
			}
			r.ask(team("com"))
			pass(10 * second)
		}
	})
}

// TestCutService creates a Service. It and the names below it are found as soon as the denial
// expires (RFC 2308, section 5; RFC 8020, section 2).
func TestCutService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := cutRig(t)
		service, pod := team("com"), team("pod-0.com")
		r.up.say(service+" A", service+" 5 A 10.0.0.1")
		r.up.say(pod+" A", pod+" 5 A 10.0.0.1")
		pass(30*second - 1)
		r.want(service, strings.Replace(denied, "30 SOA", "1 SOA", 1))
		r.want(pod, strings.Replace(denied, "30 SOA", "1 SOA", 1))
		pass(time.Nanosecond)
		r.want(service, "NOERROR; "+service+" 5 A 10.0.0.1")
		r.want(pod, "NOERROR; "+pod+" 5 A 10.0.0.1")
	})
}

// TestCutExists shows that the cut stays on at names of which upstream says itself that they exist.
// Once they are gone, the names below them are denied.
func TestCutExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, name := range []string{"team-1.svc.cluster.local.", team("db"), team("pod-0.db")} {
			r.up.say(name+" A", name+" 5 A 10.0.0.1")
			r.ask(name)
		}
		if bars := *r.block.cuts.bars.Load(); len(bars) != 0 {
			t.Errorf("%q", bars)
		}
		r.up.set(func(f *fake) { clear(f.says) })
		pass(5 * second)
		r.want(team("db"), denied)
		r.want(team("pod-0.db"), denied)
		r.want("other.svc.cluster.local.", denied)
		if got := r.take(); len(got) != 7 { // the last one asks whether the namespace exists
			t.Errorf("asked %q", got)
		}
	})
}

// TestCutBounds shows that the memory for names is bounded, whatever is asked.
func TestCutBounds(t *testing.T) {
	c := new(cuts)
	c.init()
	for i := range 3 * maxSuspects {
		c.suspect(testkit.Name(t, fmt.Sprint(i, ".svc.cluster.local.")))
	}
	const count = 5 * maxBars / 2 // no multiple
	for i := range count {
		c.bar(testkit.Name(t, fmt.Sprint(i, ".svc.cluster.local.")), time.Minute+time.Duration(i))
	}
	if len(c.suspects) > maxSuspects || len(*c.bars.Load()) > maxBars {
		t.Errorf("%d suspects, %d bars", len(c.suspects), len(*c.bars.Load()))
	}
	for i, want := range map[int]bool{count - maxBars - 1: false, count - maxBars: true} {
		if c.barred(testkit.Name(t, fmt.Sprint(i, ".svc.cluster.local.")), time.Hour) != want {
			t.Errorf("bar %d of %d: expected %v, as the first go first", i, count, want)
		}
	}
	last := testkit.Name(t, fmt.Sprint(count-1, ".SVC.cluster.local."))
	if !c.barred(last, time.Hour) || c.barred(last, time.Hour+2*time.Minute) || c.barred(last.Parent(), time.Minute) {
		t.Error("the last bar is not there, or does not end")
	}
}
