package nodecache

import (
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/corefile"
)

func TestListenAddrs(t *testing.T) {
	four, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	lo := []corefile.Bind{{Interface: "lo"}}
	for _, test := range []struct {
		name  string
		binds []corefile.Bind
		want  func([]netip.AddrPort) bool
	}{
		{"none: all", nil, func(l []netip.AddrPort) bool { return l[0] == netip.MustParseAddrPort("0.0.0.0:53") }},
		{"two, one of them twice", []corefile.Bind{{Addr: four}, {Addr: two}, {Addr: four}}, func(l []netip.AddrPort) bool {
			return slices.Equal(l, []netip.AddrPort{netip.AddrPortFrom(four, 53), netip.AddrPortFrom(two, 53)})
		}},
		{"a device", []corefile.Bind{{Interface: "lo"}}, func(l []netip.AddrPort) bool {
			return slices.Contains(l, netip.AddrPortFrom(four, 53))
		}},
		{"an address that a device has, excepted, and another", []corefile.Bind{
			{Addr: four, Except: lo}, {Addr: netip.MustParseAddr("192.0.2.1"), Except: lo}, {Interface: "lo", Except: lo},
		}, func(l []netip.AddrPort) bool {
			return slices.Equal(l, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")})
		}},
		{"a device but for one address", []corefile.Bind{{Interface: "lo", Except: []corefile.Bind{{Addr: netip.IPv6Loopback()}}}}, func(l []netip.AddrPort) bool {
			return slices.Contains(l, netip.AddrPortFrom(four, 53)) && !slices.Contains(l, netip.AddrPortFrom(netip.IPv6Loopback(), 53))
		}},
	} {
		got, err := listenAddrs(test.binds, 53)
		if err != nil || !test.want(got) {
			t.Errorf("%s: %v %v", test.name, got, err)
		}
	}
	pos := corefile.Pos{File: "Corefile", Line: 2}
	for _, test := range []struct {
		bind corefile.Bind
		want string
	}{
		{corefile.Bind{Pos: pos, Interface: "nosuch"}, "Corefile:2: bind: nosuch: "},
		{corefile.Bind{Pos: pos, Interface: "lo", Except: lo}, "Corefile:2: bind: nothing left to listen on"},
		{corefile.Bind{Pos: pos, Addr: four, Except: lo}, "Corefile:2: bind: nothing left to listen on"},
		{corefile.Bind{Pos: pos, Addr: four, Except: []corefile.Bind{{Pos: pos, Interface: "nosuch"}}}, "Corefile:2: bind: nosuch: "},
	} {
		if _, err := listenAddrs([]corefile.Bind{test.bind}, 53); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v, expected %s", err, test.want)
		}
	}
}

// TestFrontConfig adds up what the sockets of two fronts may keep, while one takes over from the
// other. That is no more than the budget has, however many addresses there are.
func TestFrontConfig(t *testing.T) {
	for addrs := 1; addrs < 30; addrs++ {
		b := budget.Divide(64<<20, 0)
		f := fronts{memory: &b}
		c := f.config(make([]netip.AddrPort, addrs))
		if sockets := 2 * addrs * c.Sockets; c.Queue*sockets > b.Queues || c.Backlog*sockets > b.Backlog || c.Queue < 4096 {
			t.Errorf("%d addresses: %d sockets of %d and %d bytes", addrs, sockets, c.Queue, c.Backlog)
		}
	}
}

// TestFrontSockets has a socket for every CPU that Go uses, 8 at most.
func TestFrontSockets(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	b := budget.Divide(0, 0)
	f := fronts{memory: &b}
	for procs, want := range map[int]int{1: 1, 3: 3, 8: 8, 64: 8} {
		runtime.GOMAXPROCS(procs)
		if got := f.config(nil).Sockets; got != want {
			t.Errorf("GOMAXPROCS %d: %d sockets, want %d", procs, got, want)
		}
	}
}
