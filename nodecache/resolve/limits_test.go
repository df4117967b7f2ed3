package resolve

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// client returns the i-th of many clients.
func client(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)
}

// TestShare has clients ask all they can, slow names: the more is under way, the less each may
// have, and one that comes then still gets what it asks for. When the answers have come, all is
// as before.
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

// TestFlights bounds what is asked upstream at a time, whoever asks. Who asks what is asked
// already waits for that.
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
		r.want("more.example. edns", "REFUSED; OPT 1232")
		list = append(list, r.send("n0.example."))
		synctest.Wait()
		if n := len(r.up.take()); n != flights {
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

// TestWaiters bounds who waits, also for one answer.
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
		time.Sleep(second)
		r.idle()
	})
}

// TestNobody lets what is asked for the cache alone take a share, as a client's does.
func TestNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.limits.Flights = 30
		r.up.set(func(f *fake) { f.took = second })
		for i := range 30 {
			q := wire.Query{Name: name(t, fmt.Sprintf("n%d.example.", i)), Type: wire.A, Class: wire.IN}
			r.refresh(r.block, &q)
		}
		synctest.Wait()
		if n := len(r.up.take()); n != 10 {
			t.Errorf("upstream was asked %d times, expected 10", n)
		}
		r.want("other.example.", "NXDOMAIN; "+soa)
		time.Sleep(second)
		r.idle()
	})
}
