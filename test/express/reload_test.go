package express

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// outsideIs is the address of every name outside the cluster, and takenIs that of the names that
// another block takes from the cluster.
const (
	outsideIs = "198.51.100.1"
	takenIs   = "192.0.2.1"
)

// logs is a plugin that must see every query. It logs names that do not exist, so its lines are few.
const logs = "log . {\n  class denial\n }"

// one is a Corefile of one block; more is what else stands in it.
func one(more string) string {
	return ".:PORT {\n errors\n prometheus METRICS\n " + more + "\n kubernetes cluster.local in-addr.arpa {\n  snapshot RECORDS\n }\n forward . FORWARD\n}\n"
}

// shop is a block that takes the names of a namespace.
const shop = "shop.svc.cluster.local:PORT {\n template IN A {\n  answer \"{{ .Name }} 5 IN A " + takenIs + "\"\n }\n}\n"

// step is a change of the Corefile.
type step struct {
	what     string
	corefile string // empty: one that CoreDNS refuses
	lane     bool   // whether the express lane answers from then on
	taken    bool   // whether the block shop has its names
}

func steps() []step {
	return []step{
		{"log turns it off", one(logs), false, false},
		{"without log", one(""), true, false},
		{"another block takes names", one("") + shop, true, true},
		{"that block and rewrite", one("rewrite name exact a.test b.test") + shop, false, true},
		{"that block alone", shop + one(""), true, true},
		{"the names are back", one(""), true, false},
		{"express off", strings.Replace(one(""), "  snapshot", "  express off\n  snapshot", 1), false, false},
		{"a broken Corefile while it is off", "", false, false},
		{"on again", one(""), true, false},
		{"a broken Corefile while it is on", "", true, false},
		{"a zone less", strings.Replace(one(""), " in-addr.arpa", "", 1), true, false},
		{"a zone more, and cache", strings.Replace(one("cache"), "in-addr.arpa", "in-addr.arpa ip6.arpa", 1), true, false},
		{"log in another block", "cluster.local:PORT {\n prometheus METRICS\n kubernetes {\n  snapshot RECORDS\n }\n}\n.:PORT {\n " + logs + "\n forward . FORWARD\n}\n", true, false},
		{"one address", one("bind 127.0.0.1"), true, false},
		{"one address, and log", one("bind 127.0.0.1\n " + logs), false, false},
		{"one address, without log", one("bind 127.0.0.1"), true, false},
		{"all addresses", one(""), true, false},
		{"other time-outs", one("timeouts {\n  read 4s\n  idle 30s\n }"), true, false},
		{"two sockets", one("multisocket 2"), true, false},
		{"one socket", one(""), true, false},
	}
}

// TestReload changes the Corefile again and again while clients ask over UDP and TCP: for names of the
// cluster, for names that another block takes, and for names that are forwarded, some of which are
// under way at each change. No query is lost, each answer is right, and the lane is on when it should.
func TestReload(t *testing.T) {
	fake := testkit.Serve(t, testkit.Late(300*time.Millisecond, testkit.Address(outsideIs, 60)))
	s := start(t, one(""), records(), fake)
	load := startReloadLoad(s)
	on, before := true, true // the lane, since the last reload and before it
	for i, change := range steps() {
		load.mayReset(!on || !before)
		reloads := len(s.Logged("Reloading complete"))
		if change.corefile == "" {
			s.Write("Corefile", "no { such Corefile\n")
			s.Signal(syscall.SIGUSR1)
			s.Eventually("a broken Corefile is refused", func() bool { return len(s.Logged("[ERROR]", "SIGUSR1")) == refused(steps()[:i+1]) })
		} else {
			s.Write("Corefile", s.fill.Replace(change.corefile))
			s.Signal(syscall.SIGUSR1)
			s.Eventually("it has reloaded: "+change.what, func() bool { return len(s.Logged("Reloading complete")) > reloads })
		}
		s.is(change, load[0])
		if change.corefile != "" { // or the connections that CoreDNS has are the same
			on, before = change.lane, on
		}
		t.Logf("%s: %s", time.Now().Format("15:04:05.000"), change.what)
	}
	load.stop(300)
}

// refused counts the steps that CoreDNS refuses.
func refused(steps []step) (n int) {
	for _, s := range steps {
		if s.corefile == "" {
			n++
		}
	}
	return n
}

// loads are several loads on one server.
type loads []*run.Load

// mayReset says whether connections may be reset. While the lane is off, they are CoreDNS's own, and
// its front resets them in a reload, and for a while after it. A query that it has not read then is
// asked again.
func (all loads) mayReset(may bool) {
	for _, l := range all {
		l.MayReset(may)
	}
}

// mayLeave says that the server may leave, and left waits until it has.
func (all loads) mayLeave() {
	for _, l := range all {
		l.MayLeave()
	}
}

func (all loads) left() {
	for _, l := range all {
		l.Left()
	}
}

func (all loads) stop(least int64) {
	for _, l := range all {
		l.Stop(least)
	}
}

// startReloadLoad has clients ask for names of every kind. The first load is for the names that the
// lane answers whenever it is on.
func startReloadLoad(s *server) (all loads) {
	outside := func(i int64) string { return fmt.Sprintf("host-%d.example.org.", i) }
	forwarded := func(m *dns.Msg) bool { return only(m, outsideIs) }
	either := func(m *dns.Msg) bool { return right(m) || only(m, takenIs) }
	for _, network := range []string{"udp", "tcp"} {
		all = append(all,
			run.StartLoad(s.t, s.addr, network, 4, nameIn("ns"), right),
			run.StartLoad(s.t, s.addr, network, 2, nameIn("shop"), either),
			run.StartLoad(s.t, s.addr, network, 4, outside, forwarded))
	}
	return all
}

// is waits until the lane and the names are as a step says.
func (s *server) is(now step, load *run.Load) {
	s.t.Helper()
	const queries = 100
	s.Eventually(fmt.Sprintf("%s: the lane is on: %v", now.what, now.lane), func() bool {
		before := s.answered()
		load.Goes(queries)
		after := s.answered()
		if before < 0 || after < 0 {
			return false
		}
		return now.lane == (after-before >= queries/2) && now.lane == (after > before)
	})
	for i := range int64(10) {
		name := nameIn("shop")(i)
		want := address(name)
		if now.taken {
			want = takenIs
		}
		if m, err := s.ask("udp", name, dns.TypeA); err != nil || !only(m, want) {
			s.t.Errorf("%s: %s: %v %v, want %s", now.what, name, m, err, want)
		}
	}
}

// TestReloadPlugin has the reload plugin see the changes of the file, as in a cluster.
func TestReloadPlugin(t *testing.T) {
	fake := testkit.Serve(t, testkit.Address(outsideIs, 60))
	const reload = "reload 2s 1s\n "
	reloads := 0
	s := start(t, one(reload), records(), fake)
	load := startReloadLoad(s)
	load.mayReset(true)
	for _, change := range []step{
		{"log", one(reload + logs), false, false},
		{"a block", one(reload) + shop, true, true},
		{"neither", one(reload), true, false},
	} {
		s.Write("Corefile", s.fill.Replace(change.corefile))
		s.Eventually(change.what, func() bool { return len(s.Logged("Reloading complete")) > reloads })
		reloads++
		s.is(change, load[0])
	}
	load.stop(100)
}

// TestMove moves the server to another port while clients ask at the old one. Each of their queries
// gets its answer, until they are refused: none is lost.
func TestMove(t *testing.T) {
	fake := testkit.Serve(t, testkit.Late(300*time.Millisecond, testkit.Address(outsideIs, 60)))
	for round := range 2 {
		s := start(t, one(""), records(), fake)
		load := startReloadLoad(s)
		load[0].Goes(200)
		load.mayLeave()
		other := newServer(t, records(), fake)
		s.Write("Corefile", other.fill.Replace(one("")))
		s.Signal(syscall.SIGUSR1)
		load.left()
		s.addr, s.metrics = other.addr, other.metrics
		again := startReloadLoad(s)
		s.is(step{what: fmt.Sprint("round ", round), lane: true}, again[0])
		again.stop(1)
		s.Kill()
	}
}
