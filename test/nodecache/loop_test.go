package nodecache

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// looping returns a Corefile that sends loop.example to one server, and all other names to another.
func looping(addr, loop, other netip.AddrPort) string {
	const block = "%s:%d {\n\tbind %s\n\terrors\n\tcache 300\n\tloop\n\treload 2s 0s\n\tforward . %s\n}\n"
	return fmt.Sprintf(block, "loop.example", addr.Port(), addr.Addr(), loop) + fmt.Sprintf(block, ".", addr.Port(), addr.Addr(), other)
}

// refused fails the test unless a query for name fails, and at once.
func refused(t *testing.T, addr netip.AddrPort, name string) {
	t.Helper()
	a := run.Dig(t, addr, name)
	run.Equal(t, "a name of the loop", a, "SERVFAIL")
	if a.Took > 500*time.Millisecond {
		t.Errorf("it took %v to say so", a.Took)
	}
}

// TestLoop forwards one zone back to the node cache itself. The stock plugin loop would end the
// process. Here queries for that zone fail at once, and everything else goes on.
func TestLoop(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddr(t)
	good := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr
	node := run.NodeCache(t, looping(addr, addr, good))
	node.Answers(addr)
	load := run.StartLoad(t, addr, "udp", 2, fresh, run.NoError)
	node.Logs("upstream sends queries back to this node cache; it is set aside", addr.String(), "loop.example.", "Corefile:7")
	refused(t, addr, "a.loop.example")
	run.Equal(t, "loops", node.Scrape().Sum("nodecache_loop_detected"), 1)
	if !node.Scrape().Has("nodecache_loop_detected", `zone="loop.example."`, `to="`+addr.String()+`"`) {
		t.Error("no nodecache_loop_detected")
	}
	time.Sleep(4 * time.Second) // meanwhile it looks for the loop once more, and nothing shows that
	refused(t, addr, "b.loop.example")
	run.Equal(t, "lines about it", len(node.Logged("it is set aside")), 1)
	load.Stop(500)

	node.Write("Corefile", looping(addr, good, good))
	takenIn(t, node, 1)
	run.Equal(t, "with another server", run.Dig(t, addr, "b.loop.example"), "NOERROR; b.loop.example. A 192.0.2.1")
	testkit.Eventually(t, "the loop is forgotten", func() bool { return !node.Scrape().Has("nodecache_loop_detected") })
	node.Stop()
}

// TestLoopOfTwo has two node caches forward to each other. Both find that out, and remember it
// until one of them has another server.
func TestLoopOfTwo(t *testing.T) {
	t.Parallel()
	one, two := testkit.FreeAddr(t), testkit.FreeAddr(t)
	good := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr
	first, second := run.NodeCache(t, looping(one, two, good)), run.NodeCache(t, looping(two, one, good))
	first.Answers(one)
	second.Answers(two)
	first.Logs("sends queries back", two.String())
	second.Logs("sends queries back", one.String())
	time.Sleep(7 * time.Second) // meanwhile they look again, twice, and nothing shows that
	for _, addr := range []netip.AddrPort{one, two} {
		refused(t, addr, "a.loop.example")
		run.Equal(t, "another zone", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")
	}
	run.Equal(t, "taken back meanwhile", len(first.Logged("does not loop any more"))+len(second.Logged("does not loop any more")), 0)

	second.Write("Corefile", looping(two, good, good))
	takenIn(t, second, 1)
	first.Logs("upstream does not loop any more", two.String())
	run.Equal(t, "by way of the other", run.Dig(t, one, "b.loop.example"), "NOERROR; b.loop.example. A 192.0.2.1")
	run.Equal(t, "loops", first.Scrape().Sum("nodecache_loop_detected"), 0)
}

// TestLoopOneOfTwo sets aside the one of two servers that loops, and not the other.
func TestLoopOneOfTwo(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddr(t)
	good := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr
	node := run.NodeCache(t, simple(addr.String()+" "+good.String(), "loop", addr))
	node.Answers(addr)
	node.Logs("sends queries back", addr.String())
	load := run.StartLoad(t, addr, "udp", 2, fresh, run.NoError)
	load.Goes(300)
	load.Stop(100)
	run.Equal(t, "loops", node.Scrape().Sum("nodecache_loop_detected"), 1)
}
