package resolve

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// client returns the i-th of many clients.
func client(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)
}

// TestShare has clients send as many queries as they can for slow names. The more is under way, the
// less each client may have, and a new client still gets its answer. In the end nothing is under
// way.
func TestShare(t *testing.T) {
	const flights = 100
	for clients, each := range map[int]int{1: 33, 2: 25, 8: 10, 30: 3} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.limits.Flights = flights
			r.up.set(func(f *fake) { f.took = second })
			var list []*sent
			for n := range flights * clients {
				r.client = client(n % clients)
				s := r.send(fmt.Sprintf("n%d.example.", n))
				if s.now && s.text() != "REFUSED" {
					t.Fatal(s.text())
				}
				if !s.now {
					list = append(list, s)
				}
			}
			for i := range clients {
				if n := r.limits.clients[client(i).Addr()].flights; n < each-1 || n > each+1 {
					t.Errorf("%d clients: client %d has %d flights, expected %d", clients, i, n, each)
				}
			}
			r.client = client(clients)
			list = append(list, r.send("another.example."))
			r.want("localhost.", "NOERROR; localhost. 86400 A 127.0.0.1")
			for _, s := range list {
				if got := s.text(); got != "NXDOMAIN; "+soa {
					t.Fatal(got)
				}
			}
			r.idle()
		})
	}
}

// TestFlights shows that flights are bounded for all clients together. A question that is under way
// already needs no flight.
func TestFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		const flights = 50
		r.limits.Flights = flights
		r.up.set(func(f *fake) { f.took = second })
		var list []*sent
		for i := range flights {
			r.client = client(i)
			list = append(list, r.send(fmt.Sprintf("n%d.example.", i)))
		}
		r.client = client(flights)
		r.want("more.example. edns", "REFUSED; OPT 1232 ede=0")
		list = append(list, r.send("n0.example."))
		if n := len(r.take()); n != flights {
			t.Errorf("upstream was asked %d times", n)
		}
		for _, s := range list {
			if got := s.text(); got != "NXDOMAIN; "+soa {
				t.Fatal(got)
			}
		}
		r.idle()
	})
}

// TestWaiters shows that waiting queries are bounded, even for a single flight.
func TestWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		const waiters = 300
		r.limits.Waiters = waiters
		r.up.set(func(f *fake) { f.took = second })
		for range waiters {
			r.send("a.example.")
		}
		if n := r.limits.clients[r.client.Addr()].waiters; n != waiters/3 {
			t.Errorf("%d queries of one client wait, expected %d", n, waiters/3)
		}
		for i := range waiters {
			r.client = client(i)
			r.send("a.example.")
		}
		r.client = client(waiters)
		r.want("a.example.", "REFUSED")
		r.asked("a.example. A")
		pass(second)
		r.idle()
	})
}

// TestNobody shows that all flights for the cache alone together get a client's share.
func TestNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.limits.Flights = 30
		r.up.set(func(f *fake) { f.took = second })
		for i := range 30 {
			q := wire.Query{Name: testkit.Name(t, fmt.Sprintf("n%d.example.", i)), Type: wire.A, Class: wire.IN}
			r.refresh(r.block, &q)
		}
		if n := len(r.take()); n != 10 {
			t.Errorf("upstream was asked %d times, expected 10", n)
		}
		r.want("other.example.", "NXDOMAIN; "+soa)
		pass(second)
		r.idle()
	})
}
