package upstream

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

const headless = "dns-pods.kube-system.svc.cluster.local."

// directory answers for the headless name with addresses that a test sets.
type directory struct {
	mu    sync.Mutex
	addrs []netip.Addr
	rcode wire.Rcode
}

func (d *directory) set(rcode wire.Rcode, addrs ...netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addrs, d.rcode = addrs, rcode
}

func (d *directory) handle(q []byte, reply func([]byte)) {
	if name(q)+"." != headless {
		echo(q, reply)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	reply(withAddress(withRcode(q, d.rcode), d.addrs...))
}

// pods returns n servers of the same port at addresses of their own.
func pods(t *testing.T, n int) (list []*fake, addrs []netip.Addr) {
	t.Helper()
	first := serve(t, &fake{addr: netip.MustParseAddrPort("127.0.0.11:0")})
	for i := range n {
		f := first
		if i > 0 {
			addr := netip.AddrFrom4([4]byte{127, 0, 0, byte(11 + i)})
			f = serve(t, &fake{addr: netip.AddrPortFrom(addr, first.addr.Port())})
		}
		list, addrs = append(list, f), append(addrs, f.addr.Addr())
	}
	return list, addrs
}

// DESIGN: the servers behind a headless name are found by asking, spread over nodes, followed
// as they change, and the server that was asked is what remains where there are none.
func TestFollow(t *testing.T) {
	list, addrs := pods(t, 5)
	d := &directory{}
	d.set(wire.NXDomain)
	bootstrap := serve(t, &fake{handle: d.handle})
	c := Config{
		Name: headless, Port: list[0].addr.Port(), Node: "10.0.0.1", Refresh: 20 * time.Millisecond,
		CheckInterval: 20 * time.Millisecond, ReadTimeout: 300 * time.Millisecond,
	}
	p := pool(t, c, bootstrap)
	has := func(n int) func() bool { return func() bool { return len(p.Servers()) == n } }
	fixed := []Endpoint{bootstrap.endpoint(TCP)}
	exchangeOK(t, p, "a.example", Cluster)

	d.set(wire.NoError, addrs...)
	eventually(t, "3 pods and the fallback", has(4))
	exchangeOK(t, p, "b.example", Cluster)
	if got := p.Servers(); got[3] != fixed[0] || slices.Contains(got[:3], fixed[0]) {
		t.Errorf("servers %v", got)
	}

	d.set(wire.NoError, addrs[0])
	eventually(t, "one pod and the fallback", has(2))
	before := bootstrap.dials.Load()
	for range 20 {
		exchangeOK(t, p, "c.example", Other)
	}
	if list[0].queries.Load() < 20 {
		t.Errorf("the pod got %d queries", list[0].queries.Load())
	}

	d.set(wire.ServFail) // nothing is known, nothing changes
	time.Sleep(100 * time.Millisecond)
	if len(p.Servers()) != 2 {
		t.Errorf("after SERVFAIL: %v", p.Servers())
	}
	list[0].stop() // the pod is gone before the directory knows
	for range 20 {
		exchangeOK(t, p, "d.example", Cluster)
	}
	if bootstrap.dials.Load() == before && bootstrap.queries.Load() < 20 {
		t.Error("fallback not asked")
	}

	d.set(wire.NXDomain)
	eventually(t, "only the fallback", func() bool { return slices.Equal(p.Servers(), fixed) })
	eventually(t, "pods forgotten", func() bool { return len(p.all()) == 1 })
	exchangeOK(t, p, "e.example", Cluster)
}

// A pod that is down gives its place to the next one in the node's order, until it is back.
func TestFollowReplacesDown(t *testing.T) {
	list, addrs := pods(t, 5)
	d := &directory{}
	d.set(wire.NoError, addrs...)
	bootstrap := serve(t, &fake{handle: d.handle})
	c := Config{Name: headless, Port: list[0].addr.Port(), Node: "10.0.0.1", CheckInterval: 10 * time.Millisecond}
	p := pool(t, c, bootstrap)
	eventually(t, "found", func() bool { return len(p.Servers()) == 4 })
	chosen := p.Servers()
	i := slices.IndexFunc(list, func(f *fake) bool { return f.addr == chosen[0].Addr })
	list[i].stop()
	eventually(t, "replaced", func() bool {
		exchangeOK(t, p, "a.example", Cluster)
		return !slices.Contains(p.Servers(), chosen[0])
	})
	if got := p.Servers(); len(got) != 4 || got[0] != chosen[1] || got[1] != chosen[2] {
		t.Errorf("%v, then %v", chosen, got)
	}
	serve(t, &fake{addr: list[i].addr})
	eventually(t, "back", func() bool { return slices.Equal(p.Servers(), chosen) })
}
