package nodecache

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestStopAnswers ends the process while queries wait for upstream, over UDP and TCP. All of them
// are answered before it ends.
func TestStopAnswers(t *testing.T) {
	t.Parallel()
	const count = 200
	upstream := testkit.Serve(t, testkit.Late(time.Second, testkit.Address("192.0.2.1", 60))).Addr.String()
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream, "", addr))
	node.Answers(addr)

	var clients []*dns.Conn
	stream := dial(t, "tcp", addr)
	for i := range count {
		c := dial(t, "udp", addr)
		write(t, c, fmt.Sprintf("udp-%d.example.", i))
		write(t, stream, fmt.Sprintf("tcp-%d.example.", i))
		clients = append(clients, c)
	}
	node.Signal(syscall.SIGTERM)
	lost := 0
	for range count {
		clients = append(clients, stream)
	}
	for _, c := range clients {
		if m, err := c.ReadMsg(); err != nil || !run.NoError(m) {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d queries that were received got no answer", lost, len(clients))
	}
	_ = stream.Close()
	run.Equal(t, "exit code", node.Wait(testkit.Patience), 0)
}

func dial(t *testing.T, network string, addr netip.AddrPort) *dns.Conn {
	t.Helper()
	c, err := net.Dial(network, addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	return &dns.Conn{Conn: c}
}

func write(t *testing.T, c *dns.Conn, name string) {
	t.Helper()
	if err := c.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
		t.Fatal(err)
	}
}

// TestStopUnanswered shows that the process ends in bounded time even if upstream never answers,
// and says so.
func TestStopUnanswered(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Silent)
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream.Addr.String()+" {\n\t\tread_timeout 30s\n\t}", "", addr))
	node.Answers(addr)
	c := dial(t, "udp", addr)
	write(t, c, "a.example.")
	testkit.Eventually(t, "the query is under way", func() bool { return upstream.Asked("a.example.") > 0 })
	node.Signal(syscall.SIGTERM)
	began := time.Now()
	run.Equal(t, "exit code", node.Wait(testkit.Patience), 1)
	if took := time.Since(began); took < 4*time.Second || took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	node.Logs("nodecache: stopping: 1 queries were not answered within 5s of leaving")
}

// TestTakeOver starts a second process beside the first, under load, and ends the first. They share
// all ports. No query and no page is lost.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Late(20*time.Millisecond, testkit.Address("192.0.2.1", 60))).Addr.String()
	addr, pages := testkit.FreeAddr(t), testkit.FreeAddr(t)
	corefile := simple(upstream, fmt.Sprintf("health %[1]s\n\tready %[1]s\n\tprometheus %[1]s", pages), addr)
	first := run.NodeCache(t, corefile)
	first.Answers(addr)

	var loads []*run.Load
	for _, network := range []string{"udp", "tcp"} {
		loads = append(loads, run.StartLoad(t, addr, network, 3, twenty, run.NoError), run.StartLoad(t, addr, network, 3, fresh, run.NoError))
	}
	getting := startGetting(t, "http://"+pages.String())
	all := func() {
		for _, l := range loads {
			l.Goes(100)
		}
	}
	all()
	second := run.NodeCache(t, corefile)
	second.Logs("answering")
	all()
	took := first.Stop()
	all()
	for _, l := range loads {
		l.Stop(200)
	}
	getting.stop(50)
	if took > 20*time.Second { // 5 s, and a busy machine
		t.Errorf("the first process took %v to end", took)
	}
	if n := second.Scrape().Sum("coredns_dns_requests_total"); n < 100 {
		t.Errorf("the second process answered %v queries", n)
	}
	run.Equal(t, "the second process", run.Dig(t, addr, "last.example"), "NOERROR; last.example. A 192.0.2.1")
	second.Stop()
}

// getting asks for pages until it is stopped.
type getting struct {
	t      *testing.T
	done   chan struct{}
	group  sync.WaitGroup
	asked  int
	failed []string
}

func startGetting(t *testing.T, url string) *getting {
	g := &getting{t: t, done: make(chan struct{})}
	g.group.Go(func() {
		for {
			for _, page := range []string{"/health", "/metrics"} {
				g.asked++
				if status, body := run.Get(t, url+page); status != http.StatusOK {
					g.failed = append(g.failed, fmt.Sprintf("%s: %d %s", page, status, body))
				}
			}
			select {
			case <-g.done:
				return
			case <-time.After(2 * time.Millisecond): // this makes the load what it is
			}
		}
	})
	return g
}

func (g *getting) stop(least int) {
	g.t.Helper()
	close(g.done)
	g.group.Wait()
	if n := len(g.failed); g.asked < least || n > 0 {
		g.t.Errorf("%d of %d pages, expected at least %d, failed: %q", n, g.asked, least, g.failed[:min(n, 10)])
	}
}

// TestLameduck shows that the process goes on answering for the time that the Corefile says before
// it ends. Meanwhile it is healthy but not ready, as in CoreDNS.
func TestLameduck(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr.String()
	addr, pages := testkit.FreeAddr(t), testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream, fmt.Sprintf("health %[1]s {\n\t\tlameduck 6s\n\t}\n\tready %[1]s", pages), addr))
	node.Answers(addr)
	url := "http://" + pages.String()
	page := func(path string, want int) {
		t.Helper()
		if status, body := run.Get(t, url+path); status != want {
			t.Errorf("%s: %d %s, expected %d", path, status, body, want)
		}
	}
	page("/health", http.StatusOK)
	page("/ready", http.StatusOK)
	load := run.StartLoad(t, addr, "udp", 2, fresh, run.NoError)
	began := time.Now()
	node.Signal(syscall.SIGTERM)
	testkit.Eventually(t, "it is not ready any more", func() bool { status, _ := run.Get(t, url+"/ready"); return status == http.StatusServiceUnavailable })
	node.Signal(syscall.SIGUSR1) // which must not end it
	page("/health", http.StatusOK)
	page("/ready", http.StatusServiceUnavailable)
	time.Sleep(2 * time.Second) // under load
	run.Equal(t, "answer", run.Dig(t, addr, "lame.example"), "NOERROR; lame.example. A 192.0.2.1")
	load.Stop(100)
	run.Equal(t, "exit code", node.Wait(testkit.Patience), 0)
	if took := time.Since(began); took < 6*time.Second {
		t.Errorf("it ended after %v", took)
	}
}
