package nodecache

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/nodecache/corefile"
)

func TestListenAddrs(t *testing.T) {
	four, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
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
		{"a device without an address", []corefile.Bind{{Interface: "lo", Except: []corefile.Bind{{Addr: netip.IPv6Loopback()}}}}, func(l []netip.AddrPort) bool {
			return slices.Contains(l, netip.AddrPortFrom(four, 53)) && !slices.Contains(l, netip.AddrPortFrom(netip.IPv6Loopback(), 53))
		}},
	} {
		got, err := listenAddrs(test.binds, 53)
		if err != nil || !test.want(got) {
			t.Errorf("%s: %v %v", test.name, got, err)
		}
	}
	pos := corefile.Pos{File: "Corefile", Line: 2}
	for want, bind := range map[string]corefile.Bind{
		"Corefile:2: bind: nosuch: ":                       {Pos: pos, Interface: "nosuch"},
		"Corefile:2: bind: lo has no address to listen on": {Pos: pos, Interface: "lo", Except: []corefile.Bind{{Interface: "lo"}}},
	} {
		if _, err := listenAddrs([]corefile.Bind{bind}, 53); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
}
