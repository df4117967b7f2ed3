package resolve

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestShare refuses what a client asks beyond its share, and nothing of another's, until its
// answers come.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = second })
		var list []*sent
		for i := range maxPerClient {
			list = append(list, r.send(fmt.Sprintf("n%d.example.", i%3)))
		}
		r.want("n0.example. edns", "REFUSED; OPT 1232")
		r.want("m.example.", "REFUSED")
		r.want("localhost.", "NOERROR; localhost. 86400 A 127.0.0.1")
		r.client = netipAddr("10.0.0.2:1")
		list = append(list, r.send("n0.example."), r.send("m.example."))
		for _, s := range list {
			if got := s.text(); got != "NXDOMAIN; "+soa {
				t.Fatal(got)
			}
		}
		r.client = netipAddr("10.0.0.1:2")
		r.want("x.example.", "NXDOMAIN; "+soa)
		r.idle()
	})
}

// TestFlights bounds what is asked upstream at a time. Who asks what is asked already waits
// for that.
func TestFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = second })
		var list []*sent
		for i := range maxFlights {
			r.client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i % 10)}), 1)
			list = append(list, r.send(fmt.Sprintf("n%d.example.", i)))
		}
		r.want("more.example.", "REFUSED")
		list = append(list, r.send("n0.example."))
		synctest.Wait()
		if n := len(r.up.take()); n != maxFlights {
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
		r.up.set(func(f *fake) { f.took = second })
		for i := range maxWaiters {
			r.client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)
			r.send("a.example.")
		}
		r.client = netipAddr("10.2.0.1:1")
		r.want("a.example.", "REFUSED")
		r.asked("a.example. A")
		time.Sleep(second)
		r.idle()
	})
}
