package upstream

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
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

// cluster returns five Pods, and a Forward that finds them by asking dns, which has the directory.
func cluster(t *testing.T, c Config, d *directory) (pods []*fake, dns *fake, fwd *Forward) {
	t.Helper()
	for i := range 5 {
		addr := netip.AddrFrom4([4]byte{10, 244, 0, byte(1 + i)})
		pods = append(pods, inMemory(t, &fake{Server: testkit.Server{Addr: netip.AddrPortFrom(addr, 53)}}))
	}
	dns = inMemory(t, &fake{handle: d.handle})
	c.Name, c.Node, c.dial = headless, "10.0.0.1", network(slices.Concat([]*fake{dns}, pods)...)
	return pods, dns, forward(t, c, dns)
}

func addrs(pods []*fake) (list []netip.Addr) {
	for _, p := range pods {
		list = append(list, p.Addr.Addr())
	}
	return list
}

// The servers behind a headless name are found by asking for it, spread over nodes, and followed as
// they change. If there are none, the server that was asked remains.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{}
		d.set(wire.NXDomain)
		c := Config{Refresh: 20 * time.Millisecond, CheckInterval: 20 * time.Millisecond, ReadTimeout: 300 * time.Millisecond}
		pods, dns, fwd := cluster(t, c, d)
		has := func(n int) func() bool { return func() bool { return len(fwd.Servers()) == n } }
		fixed := []Endpoint{dns.endpoint(TCP)}
		exchangeOK(t, fwd, "a.example", Cluster)

		d.set(wire.NoError, addrs(pods)...)
		testkit.Eventually(t, "3 pods and the configured server", has(4))
		exchangeOK(t, fwd, "b.example", Cluster)
		if got := fwd.Servers(); got[3] != fixed[0] || slices.Contains(got[:3], fixed[0]) {
			t.Errorf("servers %v", got)
		}

		d.set(wire.NoError, addrs(pods)[0])
		testkit.Eventually(t, "one pod and the configured server", has(2))
		before := dns.Asked("d.example.")
		for range 20 {
			exchangeOK(t, fwd, "c.example", Other)
		}
		if n := pods[0].Queries.Load(); n < 20 {
			t.Errorf("the pod got %d queries", n)
		}

		d.set(wire.ServFail) // nothing is known, so nothing changes
		time.Sleep(10 * lookAgain)
		if len(fwd.Servers()) != 2 {
			t.Errorf("after SERVFAIL: %v", fwd.Servers())
		}
		pods[0].die() // before the directory knows
		for range 20 {
			exchangeOK(t, fwd, "d.example", Cluster)
		}
		if dns.Asked("d.example.") == before {
			t.Error("the configured server was not asked")
		}

		d.set(wire.NXDomain)
		testkit.Eventually(t, "only the configured server", func() bool { return slices.Equal(fwd.Servers(), fixed) })
		testkit.Eventually(t, "pods forgotten", func() bool { return len(fwd.all()) == 1 })
		exchangeOK(t, fwd, "e.example", Cluster)
	})
}

// A Pod that is down gives its place to the next one in the node's order, until it is back.
func TestFollowReplacesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{}
		pods, _, fwd := cluster(t, Config{CheckInterval: 10 * time.Millisecond}, d)
		d.set(wire.NoError, addrs(pods)...)
		testkit.Eventually(t, "found", func() bool { return len(fwd.Servers()) == 4 })
		chosen := fwd.Servers()
		i := slices.IndexFunc(pods, func(f *fake) bool { return f.Addr == chosen[0].Addr })
		pods[i].die()
		testkit.Eventually(t, "replaced", func() bool {
			exchangeOK(t, fwd, "a.example", Cluster)
			return !slices.Contains(fwd.Servers(), chosen[0])
		})
		if got := fwd.Servers(); len(got) != 4 || got[0] != chosen[1] || got[1] != chosen[2] {
			t.Errorf("%v, then %v", chosen, got)
		}
		pods[i].live()
		testkit.Eventually(t, "back", func() bool { return slices.Equal(fwd.Servers(), chosen) })
	})
}
