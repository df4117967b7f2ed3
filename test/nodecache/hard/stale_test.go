package hard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// briefly answers with a TTL of a second. Names that begin with no- do not exist.
func briefly(s *testkit.Session, q wire.Message) {
	switch name := testkit.NameOf(q); {
	case strings.HasPrefix(name, "no-"):
		s.Send(denial(q, 1))
	default:
		s.Send(with(q, addressOf(name), 1))
	}
}

// losing answers as briefly does, but drops queries for names that begin with lost-.
func losing(s *testkit.Session, q wire.Message) {
	if !strings.HasPrefix(testkit.NameOf(q), "lost-") {
		briefly(s, q)
	}
}

// failingFor answers SERVFAIL to names that begin with lost-, and other names as briefly does.
func failingFor(s *testkit.Session, q wire.Message) {
	if strings.HasPrefix(testkit.NameOf(q), "lost-") {
		s.Send(code(q, wire.ServFail))
		return
	}
	briefly(s, q)
}

// The TTL of stale answers in seconds (RFC 8767, section 4), and how long clients wait.
const (
	staleTTL  = 30
	promptly  = 800 * time.Millisecond // less than staleWait: nothing was waited for
	staleWait = time.Second            // after which a stale answer is given
	soonStale = staleWait + slack
	soonFresh = 500*time.Millisecond + slack // a server that is out is checked each half second
)

// stale reports whether a is the right answer, or denial, marked as expired.
func (a answer) stale() bool {
	switch {
	case a.err != nil:
		return false
	case a.Rcode == dns.RcodeNameError: // RFC 8914, section 4.20
		return len(a.Ns) == 1 && a.Ns[0].Header().Ttl == staleTTL && a.extended() == int(dns.ExtendedErrorCodeStaleNXDOMAINAnswer)
	}
	return a.right() && a.Answer[0].Header().Ttl == staleTTL && a.extended() == int(dns.ExtendedErrorCodeStaleAnswer)
}

// fresh reports whether a is the right answer, or denial, not yet expired.
func (a answer) fresh() bool {
	switch {
	case a.err != nil || a.extended() >= 0:
		return false
	case a.Rcode == dns.RcodeNameError:
		return len(a.Ns) == 1 && a.Ns[0].Header().Ttl <= 1
	}
	return a.right() && a.Answer[0].Header().Ttl <= 1
}

// staleNames returns names to ask for. One of them does not exist.
func staleNames(zone string) []string {
	return []string{"a." + zone, "b." + zone, "no-c." + zone, "lost-d." + zone}
}

// expired asks for names while all is well, and waits until the answers have expired.
func (n *node) expired(names ...string) {
	n.t.Helper()
	for _, name := range names {
		if a := overUDP.ask(n.addr, name); !a.fresh() {
			n.t.Fatalf("%s, while all is well: %v", name, a)
		}
	}
	time.Sleep(1200 * time.Millisecond) // a TTL is another process's time, and a query would refresh it
}

// expect checks that an answer is what it should be, in time.
func (n *node) expect(name string, within time.Duration, what string, ok func(answer) bool) {
	n.t.Helper()
	for _, who := range []client{overUDP, overTCP} {
		if a := who.ask(n.addr, name); !ok(a) || a.took > within {
			n.t.Errorf("%s over %s: %v, expected %s within %v", name, who.network, a, what, within)
		}
	}
}

// becomesFresh checks that a name is fresh soon, and stale or fresh until then.
func (n *node) becomesFresh(names ...string) {
	n.t.Helper()
	for _, name := range names {
		testkit.Within(n.t, soonFresh, name+" is fresh again", func() bool {
			a := overUDP.ask(n.addr, name)
			if !a.fresh() && !a.stale() {
				n.t.Errorf("%s: %v, expected it stale or fresh", name, a)
			}
			return a.fresh()
		})
	}
}

// TestStale has the only server of names outside the cluster die, and come back.
func TestStale(t *testing.T) {
	for _, how := range []struct {
		name string
		die  func(f *testkit.Server)
		live func(f *testkit.Server)
	}{
		{"killed", (*testkit.Server).Stop, (*testkit.Server).Restart},
		{"silent", func(f *testkit.Server) { f.Do(testkit.Silent) }, func(f *testkit.Server) { f.Do(briefly) }},
	} {
		for _, proto := range []string{"udp", "tcp"} {
			t.Run(how.name+" "+proto, func(t *testing.T) {
				f := newServer(t)
				f.Do(briefly)
				n := start(t, block(".", proto, f))
				names := staleNames("example.org.")
				n.expired(names...)
				how.die(f)
				n.expect(names[0], soonStale, "it stale", answer.stale)
				testkit.Eventually(t, "the server is known to be out", func() bool { return len(n.Logged("upstream is out")) > 0 })
				for _, name := range names {
					n.expect(name, promptly, "it stale", answer.stale)
				}
				for range 2 { // the second is a failure that is known
					n.expect("new.example.org.", longest+slack, "SERVFAIL that is not stale", plainFailure)
				}
				showsEDE(t, n, names)
				how.live(f)
				n.becomesFresh(names...)
				n.expect("new.example.org.", promptly, "a new name", answer.fresh)
			})
		}
	}
}

// plainFailure reports whether a is SERVFAIL, and not marked as stale.
func plainFailure(a answer) bool {
	e := a.extended()
	return a.failed() && e != int(dns.ExtendedErrorCodeStaleAnswer) && e != int(dns.ExtendedErrorCodeStaleNXDOMAINAnswer)
}

// showsEDE checks that dig says of stale answers that they are.
func showsEDE(t *testing.T, n *node, names []string) {
	t.Helper()
	for name, want := range map[string]string{names[0]: "EDE: 3 (Stale Answer)", names[2]: "EDE: 19 (Stale NXDOMAIN Answer)"} {
		if out := run.Dig(t, n.addr, name).Text; !strings.Contains(out, want) {
			t.Errorf("dig %s does not print %q:\n%s", name, want, out)
		}
	}
}

// TestStaleForOne has a server that fails for some names only. Outside the cluster they get a stale
// answer. Within the cluster they don't, because the server is not out.
func TestStaleForOne(t *testing.T) {
	for _, how := range []struct {
		name string
		play testkit.Play
	}{
		{"not answered", losing},
		{"SERVFAIL", failingFor},
	} {
		t.Run(how.name, func(t *testing.T) {
			f := newServer(t)
			f.Do(briefly)
			n := start(t, block("cluster.local", "tcp", f)+block(".", "tcp", f))
			outside, inside := staleNames("example.org."), staleNames("ns.svc.cluster.local.")
			n.expired(append(outside, inside...)...)
			f.Do(how.play)
			n.expect(outside[3], soonStale, "it stale", answer.stale)
			n.expect(inside[3], longest+slack, "SERVFAIL that is not stale", plainFailure)
			for i := range 3 {
				n.expect(outside[i], promptly, "it fresh", answer.fresh)
				n.expect(inside[i], promptly, "it fresh", answer.fresh)
			}
			f.Do(briefly)
			time.Sleep(5 * time.Second) // a SERVFAIL that was answered is kept for so long; a query would start another one
			n.becomesFresh(outside[3], inside[3])
		})
	}
}

// TestStaleFailure asks for names that have always failed. A failure is never given as stale.
func TestStaleFailure(t *testing.T) {
	f := newServer(t)
	f.Do(failingFor)
	n := start(t, block(".", "tcp", f))
	for _, name := range []string{"lost-a.example.org.", "lost-b.example.org."} {
		n.expect(name, promptly, "SERVFAIL", plainFailure)
	}
	f.Stop()
	// For longer than any failure is kept.
	for end := time.Now().Add(6500 * time.Millisecond); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		n.expect("lost-a.example.org.", soonStale, "SERVFAIL", plainFailure)
	}
}

// TestStaleCluster has the servers of the cluster's names die one after the other. As long as one is
// left, it answers. When none can be reached, answers are stale.
func TestStaleCluster(t *testing.T) {
	for _, how := range []struct {
		name string
		die  func(f *testkit.Server)
		live func(f *testkit.Server)
	}{
		{"killed", (*testkit.Server).Stop, (*testkit.Server).Restart},
		{"silent", func(f *testkit.Server) { f.Do(testkit.Silent) }, func(f *testkit.Server) { f.Do(briefly) }},
	} {
		t.Run(how.name, func(t *testing.T) {
			servers := []*testkit.Server{newServer(t), newServer(t)}
			for _, f := range servers {
				f.Do(briefly)
			}
			n := start(t, block("cluster.local", "tcp", servers...))
			names := staleNames("ns.svc.cluster.local.")
			n.expired(names...)
			how.die(servers[0])
			for range 10 {
				for i, name := range names {
					n.expect(name, promptly, "it fresh", answer.fresh)
					n.expect(fmt.Sprintf("new-%d-%d.ns.svc.cluster.local.", i, time.Now().UnixNano()), promptly, "it fresh", answer.fresh)
				}
			}
			n.expired(names...)
			how.die(servers[1])
			n.expect(names[0], longest+slack, "it stale, or SERVFAIL until that is known", func(a answer) bool { return a.stale() || plainFailure(a) })
			testkit.Eventually(t, "both servers are known to be out", func() bool { return len(n.Logged("upstream is out")) >= 2 })
			for _, name := range names {
				n.expect(name, promptly, "it stale", answer.stale)
			}
			n.expect("never-seen.ns.svc.cluster.local.", soonStale, "SERVFAIL", plainFailure)
			how.live(servers[0])
			n.becomesFresh(names...)
			how.live(servers[1])
		})
	}
}
