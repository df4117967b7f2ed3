package listen

import (
	"net/netip"
	"slices"
	"testing"
)

// TestReaders counts by reader without any lock, in two Fronts: the race detector objects to
// two loops that share one. UDP comes first, TCP last.
func TestReaders(t *testing.T) {
	const addrs, sockets = 2, 3
	var counts [2 * (addrs*sockets + 1)]struct{ udp, tcp int }
	count := func(dst, query []byte, c *Client) []byte {
		if c.TCP {
			counts[c.Reader].tcp++
		} else {
			counts[c.Reader].udp++
		}
		return append(dst, query...)
	}
	first := 0
	var list []*running
	for range 2 {
		r := start(t, Config{Sockets: sockets, FirstReader: first}, count, "127.0.0.1:0", "[::1]:0")
		if n := r.Readers(); n != addrs*sockets+1 {
			t.Fatalf("%d readers", n)
		}
		list = append(list, r)
		first += r.Readers()
	}
	const each = 50
	for range each {
		for _, r := range list {
			for _, addr := range r.Addrs() {
				ask(t, dial(t, "udp", addr), "query")
				c := dial(t, "tcp", addr)
				isOpen(c)
				c.Close()
			}
		}
	}
	for i, r := range list {
		r.stop()
		mine := counts[i*r.Readers():][:r.Readers()]
		last := len(mine) - 1
		udp := 0
		for reader, n := range mine[:last] {
			if udp += n.udp; n.tcp != 0 || uint64(n.udp) != r.UDP()[reader].Queries {
				t.Errorf("front %d, reader %d: %+v", i, reader, n)
			}
		}
		if udp != each*addrs || mine[last].tcp != each*addrs || mine[last].udp != 0 {
			t.Errorf("front %d: %+v", i, mine)
		}
	}
}

// TestReadersUDPOnly has no loop for TCP.
func TestReadersUDPOnly(t *testing.T) {
	f := open(t, Config{Sockets: 2, UDPOnly: true, Addrs: []netip.AddrPort{}}, "127.0.0.1:0")
	defer f.Close()
	if n := f.Readers(); n != 2 {
		t.Errorf("%d readers, want 2", n)
	}
}

// TestReadersAt tells which sockets get what is sent to an address.
func TestReadersAt(t *testing.T) {
	f := open(t, Config{Sockets: 2, FirstReader: 7}, "127.0.0.1:0", "0.0.0.0:0")
	defer f.Close()
	own, everywhere := f.Addrs()[0], f.Addrs()[1]
	for _, test := range []struct {
		addr netip.AddrPort
		want []int
	}{
		{own, []int{7, 8}},
		{everywhere, []int{9, 10}},
		{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), everywhere.Port()), []int{9, 10}},
		{netip.AddrPortFrom(own.Addr(), everywhere.Port()), []int{9, 10}},
		{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), own.Port()), nil},
		{netip.AddrPortFrom(netip.MustParseAddr("::1"), everywhere.Port()), nil},
	} {
		if got := f.ReadersAt(test.addr); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, expected %v", test.addr, got, test.want)
		}
	}
}
