package nodecache

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestFlush has one of two node caches forget a name with everything below it, and then everything.
func TestFlush(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	upstream := testkit.Serve(t, counted(&asked, testkit.Address("192.0.2.1", 300))).Addr.String()
	addr, other := testkit.FreeAddr(t), testkit.FreeAddr(t)
	one, two := run.NewContainer(t, addr, simple(upstream, "", addr)), run.NewContainer(t, other, simple(upstream, "", other))
	fill := func() (missed int64) {
		before := asked.Load()
		for _, name := range []string{"a.example", "x.a.example", "b.example"} {
			run.Dig(t, addr, name)
			run.Dig(t, other, name)
		}
		return asked.Load() - before
	}
	fill()
	for _, tt := range []struct {
		args   []string
		code   int
		says   string
		missed int64
	}{
		{[]string{"-flush", "A.example"}, 0, "answers forgotten: 2\n", 2},
		{[]string{"-flush", "x.a.example."}, 0, "answers forgotten: 1\n", 1},
		{[]string{"-flush", "nosuch.example"}, 0, "answers forgotten: 0\n", 0},
		{[]string{"-flush"}, 0, "answers forgotten: ", 3},
		{[]string{"-flush", "a..example"}, 1, `nodecache: domain name "a..example": `, 0},
		{[]string{"-flush", "a.example", "b.example"}, 2, `nodecache: unexpected argument "b.example"; see nodecache -help`, 0},
	} {
		if code, text := one.Exec(tt.args...); code != tt.code || !strings.Contains(text, tt.says) {
			t.Errorf("%q: exit code %d, %q; expected %d, %q", tt.args, code, text, tt.code, tt.says)
		}
		run.Equal(t, fmt.Sprintf("%q: queries upstream", tt.args), fill(), tt.missed)
	}
	one.Logs("flushed", "name=A.example.", "answers=2")
	run.Equal(t, "what the other forgot", len(two.Logged("flushed")), 0)
	askFromOutside(t, one)
	run.Equal(t, "after a stranger's flush", fill(), 0)
}

// askFromOutside asks the socket of -flush from another PID namespace. The socket belongs to the
// network namespace, so the other process reaches it. No answer may come.
func askFromOutside(t *testing.T, c *run.Container) {
	t.Helper()
	inner, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", c.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{"flush .", "live"} {
		conn, err := net.Dial("unix", "@neardns-nodecache-"+inner)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
		_, _ = io.WriteString(conn, question+"\n")
		if text, _ := io.ReadAll(conn); len(text) > 0 {
			t.Errorf("%s: a stranger is told %q", question, text)
		}
		_ = conn.Close()
	}
}

// TestFlushNone flushes where no node cache runs.
func TestFlushNone(t *testing.T) {
	t.Parallel()
	code, text := run.Alone(t, "-flush")
	if code != 1 || !strings.HasPrefix(text, "nodecache: no nodecache runs in this PID namespace: ") {
		t.Errorf("exit code %d, %s", code, text)
	}
}

// TestReloadTightened changes the Corefile so that it forbids some cached answers and shortens
// others. This holds at once, also for what was cached before.
func TestReloadTightened(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, run.Messages(func(q *dns.Msg) *dns.Msg {
		if name := q.Question[0].Name; name != "none.example." {
			m := new(dns.Msg).SetReply(q)
			a, _ := dns.NewRR(name + " 900 IN A 192.0.2.1")
			m.Answer = []dns.RR{a}
			return m
		}
		m := new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		soa, _ := dns.NewRR("example. 900 SOA ns.example. root.example. 1 2 3 4 900")
		m.Ns = []dns.RR{soa}
		return m
	})).Addr.String()
	addr := testkit.FreeAddr(t)
	corefile := func(cache string) string {
		return fmt.Sprintf(".:%d {\n\tbind %s\n\tcache %s\n\tforward . %s\n\treload 2s 0s\n}\n", addr.Port(), addr.Addr(), cache, upstream)
	}
	node := run.NodeCache(t, corefile("900"))
	node.Answers(addr)
	ask := func() (success, denial int) {
		a, none := run.Dig(t, addr, "a.example"), run.Dig(t, addr, "none.example")
		return a.Answer[0].TTL, none.Rest[0].TTL
	}
	if a, none := ask(); a < 890 || none < 890 {
		t.Fatalf("TTLs %d and %d", a, none)
	}
	misses := func() float64 { return node.Scrape().Sum("coredns_cache_misses_total") }
	node.Write("Corefile", corefile("900 {\n\t\tsuccess 9984 60\n\t\tdisable denial\n\t}"))
	takenIn(t, node, 1)
	before := misses()
	if a, _ := ask(); a > 60 {
		t.Errorf("TTL %d after a cap of 60", a)
	}
	run.Equal(t, "cache misses, one of the disabled denial", misses()-before, 1)
	node.Write("Corefile", corefile("1"))
	takenIn(t, node, 2)
	before = misses()
	if a, none := ask(); a > 1 || none > 1 {
		t.Errorf("TTLs %d and %d after a cap of 1", a, none)
	}
	run.Equal(t, "cache misses after a cap that is over", misses()-before, 2)
}
