package nodecache

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// simple returns a Corefile with one block at addrs, which have one port. It sends everything to
// one server. The block has the lines.
func simple(upstream string, lines string, addrs ...netip.AddrPort) string {
	var hosts []string
	for _, a := range addrs {
		hosts = append(hosts, a.Addr().String())
	}
	return fmt.Sprintf(".:%d {\n\tbind %s\n\terrors\n\tcache 300\n\tforward . %s\n\t%s\n}\n",
		addrs[0].Port(), strings.Join(hosts, " "), upstream, lines)
}

// counted counts the queries for addresses that p gets.
func counted(n *atomic.Int64, p testkit.Play) testkit.Play {
	return func(s *testkit.Session, q wire.Message) {
		if _, of, _, _ := q.Question(); of == wire.A {
			n.Add(1)
		}
		p(s, q)
	}
}

// twenty returns one of twenty names.
func twenty(i int64) string { return fmt.Sprintf("name-%d.example.", i%20) }

// fresh returns a new name for each i.
func fresh(i int64) string { return fmt.Sprintf("fresh-%d.example.", i) }

// takenIn waits until a node cache has taken in n changed Corefiles.
func takenIn(t *testing.T, node *run.Node, n int) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%d changed Corefiles are taken in", n), func() bool {
		return len(node.Logged("a changed Corefile was taken in")) >= n
	})
}

// TestReload changes the Corefile again and again: first what the cache does, then the addresses to
// listen on, back and forth, then the server. No query is lost meanwhile, and no cached name is
// asked for again.
func TestReload(t *testing.T) {
	t.Parallel()
	const reload = "reload 2s 1s"
	var asked atomic.Int64
	upstream := testkit.Serve(t, counted(&asked, testkit.Address("192.0.2.1", 300))).Addr.String()
	addr := testkit.FreeAddr(t)
	second := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), addr.Port())
	node := run.NodeCache(t, simple(upstream, reload, addr))
	node.Answers(addr)
	run.Dig(t, addr, "kept.example")

	var loads []*run.Load
	for _, network := range []string{"udp", "tcp"} {
		loads = append(loads, run.StartLoad(t, addr, network, 4, twenty, run.NoError), run.StartLoad(t, addr, network, 1, fresh, run.NoError))
	}
	for i, text := range []string{
		simple(upstream, reload+"\n\tbufsize 1400\n\tprometheus "+testkit.FreeAddr(t).String(), addr),
		simple(upstream, reload, addr, second),
		simple(upstream, reload, second, addr),
		simple(upstream, reload, addr),
	} {
		node.Write("Corefile", text)
		takenIn(t, node, i+1)
		if i == 1 {
			run.Equal(t, "a new address", run.Dig(t, second, "kept.example"), "NOERROR; kept.example. A 192.0.2.1")
		}
	}
	for _, l := range loads {
		l.Stop(500)
	}
	before := asked.Load()
	run.Equal(t, "after all changes", run.Dig(t, addr, "kept.example"), "NOERROR; kept.example. A 192.0.2.1")
	if asked.Load() != before {
		t.Error("what was cached was asked for again")
	}
	testkit.Eventually(t, "the address given up is free", func() bool { return run.TryDig(second, "+time=1", "kept.example").Status == "" })

	other := testkit.Serve(t, testkit.Address("192.0.2.9", 300)).Addr.String()
	node.Write("Corefile", simple(other, reload, addr))
	takenIn(t, node, 5)
	run.Equal(t, "another server", run.Dig(t, addr, "new.example"), "NOERROR; new.example. A 192.0.2.9")
	run.Equal(t, "another server, cached before", run.Dig(t, addr, "kept.example"), "NOERROR; kept.example. A 192.0.2.1")
	if !node.Scrape().Has("coredns_reload_version_info", `hash="sha512"`) {
		t.Error("no coredns_reload_version_info")
	}
	node.Stop()
}

// TestReloadBroken writes a broken Corefile. It is reported once and counted, and the Corefile
// before it stays.
func TestReloadBroken(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 300)).Addr.String()
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream, "reload 2s 0s", addr))
	node.Answers(addr)
	node.Write("Corefile", simple(upstream, "reload 2s 0s\n\tnosuch", addr))
	node.Logs("the Corefile can't be taken in; the last good one stays", "Corefile:7: ", "nosuch")
	time.Sleep(5 * time.Second) // meanwhile it looks at the file twice more, and nothing shows that
	run.Equal(t, "lines about it", len(node.Logged("can't be taken in")), 1)
	run.Equal(t, "failed reloads", node.Scrape().Sum("coredns_reload_failed_total"), 1)
	run.Equal(t, "the one before", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")

	taken := testkit.FreeAddr(t) // a port that can't be had is as bad
	testkit.Start(t, &testkit.Server{Addr: taken, Play: testkit.Address("192.0.2.3", 300)})
	node.Write("Corefile", simple(upstream, "reload 2s 0s", taken))
	node.Logs("can't be taken in", "address already in use")
	run.Equal(t, "the one before", run.Dig(t, addr, "b.example"), "NOERROR; b.example. A 192.0.2.1")

	node.Write("Corefile", simple(upstream, "reload 2s 0s\n\tbufsize 1400", addr))
	takenIn(t, node, 1)
	run.Equal(t, "failed reloads", node.Scrape().Sum("coredns_reload_failed_total"), 2)
	node.Stop()
}

// TestReloadSignal shows that SIGUSR1 has the node cache take in a changed Corefile, as in CoreDNS,
// without the directive.
func TestReloadSignal(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 300)).Addr.String()
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream, "", addr))
	node.Answers(addr)
	node.Write("Corefile", simple(upstream, "hosts {\n\t\t192.0.2.8 here.example\n\t\tfallthrough\n\t}", addr))
	node.Signal(syscall.SIGUSR1)
	takenIn(t, node, 1)
	run.Equal(t, "answer", run.Dig(t, addr, "here.example"), "NOERROR; here.example. A 192.0.2.8")
	node.Write("Corefile", ".:53 {\n\tnosuch\n}\n")
	for i := range 2 { // who asks is told each time
		node.Signal(syscall.SIGUSR1)
		testkit.Eventually(t, "a report", func() bool { return len(node.Logged("can't be taken in")) == i+1 })
	}
	node.Stop()
}

// TestReloadWatch shows that -reloadwithsignal has the node cache take in a changed Corefile
// without the directive, and that without both it does not.
func TestReloadWatch(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 300)).Addr.String()
	start := func(args ...string) *run.Node {
		addr := testkit.FreeAddr(t)
		node := run.NodeCache(t, simple(upstream, "", addr), args...)
		node.Answers(addr)
		node.Write("Corefile", simple(upstream, "bufsize 1400", addr))
		return node
	}
	not, does := start(), start("-reloadwithsignal")
	takenIn(t, does, 1)
	time.Sleep(time.Second) // for the other would take it in as fast; that it does not shows nowhere
	run.Equal(t, "taken in without the flag", len(not.Logged("a changed Corefile was taken in")), 0)
}

// TestResolvConf follows the servers in a file like /etc/resolv.conf.
func TestResolvConf(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddr(t)
	one, two := netip.AddrPortFrom(netip.MustParseAddr("127.53.1.1"), 53), netip.AddrPortFrom(netip.MustParseAddr("127.53.1.2"), 53)
	testkit.Start(t, &testkit.Server{Addr: one, Play: testkit.Address("192.0.2.1", 1)})
	testkit.Start(t, &testkit.Server{Addr: two, Play: testkit.Address("192.0.2.2", 1)})
	file := run.Write(t, t.TempDir(), "resolv.conf", "search example.org\nnameserver 127.53.1.1\n")
	node := run.NodeCache(t, simple(file, "", addr))
	node.Answers(addr)
	run.Equal(t, "first", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")
	run.Write(t, strings.TrimSuffix(file, "/resolv.conf"), "resolv.conf", "nameserver 127.53.1.2\n")
	node.Logs("upstream servers changed", "127.53.1.2:53")
	run.Equal(t, "second", run.Dig(t, addr, "b.example"), "NOERROR; b.example. A 192.0.2.2")
	run.Write(t, strings.TrimSuffix(file, "/resolv.conf"), "resolv.conf", "search example.org\n")
	node.Logs("upstream servers stay as they are", "Corefile:5")
	run.Equal(t, "still", run.Dig(t, addr, "c.example"), "NOERROR; c.example. A 192.0.2.2")
}

// TestReloadFailed changes the server of a Corefile after the old one has answered SERVFAIL, which
// is kept (RFC 9520, section 3.2). The new server is asked at once.
func TestReloadFailed(t *testing.T) {
	t.Parallel()
	broken := testkit.Serve(t, testkit.Rcode(wire.ServFail)).Addr.String()
	good := testkit.Serve(t, testkit.Address("192.0.2.1", 300)).Addr.String()
	addr := testkit.FreeAddr(t)
	text := func(upstream string) string {
		return strings.Replace(simple(upstream, "", addr), "cache 300", "cache 300 {\n\t\tservfail 5m\n\t}", 1)
	}
	node := run.NodeCache(t, text(broken))
	node.Answers(addr)
	run.Equal(t, "broken", run.Dig(t, addr, "a.example"), "SERVFAIL")
	node.Write("Corefile", text(good))
	node.Signal(syscall.SIGUSR1)
	takenIn(t, node, 1)
	run.Equal(t, "mended", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")
	node.Stop()
}
