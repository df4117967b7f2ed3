package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"testing"
)

// TestPlace shows that any guess leads to the place that a binary search finds.
func TestPlace(t *testing.T) {
	for range 200 {
		list := make([]int, rand.IntN(40))
		for i := range list {
			list[i] = rand.IntN(20)
		}
		slices.Sort(list)
		for n := -1; n <= 20; n++ {
			below := func(i int) bool { return list[i] < n }
			want := sort.Search(len(list), func(i int) bool { return !below(i) })
			for guess := range list {
				if got := place(len(list), guess, below); got != want {
					t.Fatalf("%d in %v, guess %d: place %d, want %d", n, list, guess, got, want)
				}
			}
		}
	}
	if place(0, 0, nil) != 0 {
		t.Fatal("there is a place in an empty list")
	}
}

// TestGuess shows that addresses that count up are found at once, and that no guess leaves the list.
func TestGuess(t *testing.T) {
	of := func(addr string) number {
		a := netip.MustParseAddr(addr).As16()
		return numberOf(&a)
	}
	for _, tt := range []struct {
		n, first, behind string
		want             int
	}{
		{"10.0.0.0", "10.0.0.0", "10.0.0.100", 0},
		{"10.0.0.99", "10.0.0.0", "10.0.0.100", 99},
		{"10.0.0.42", "10.0.0.0", "10.0.0.100", 42},
		{"10.0.0.42", "10.0.0.0", "10.0.0.200", 21},
		{"fd00::fffe", "fd00::", "fd00::ffff", 99},
		{"fd00::ffff:ffff:ffff:fffe", "fd00::", "fd00::ffff:ffff:ffff:ffff", 99},
		{"9.255.255.255", "10.0.0.0", "10.0.0.100", 50}, // not in the list
		{"10.0.0.100", "10.0.0.0", "10.0.0.100", 50},
		{"10.0.0.1", "10.0.0.1", "10.0.0.1", 50},
		{"10.0.0.1", "10.0.0.0", "fd00::", 50},
		{"fd00::1", "fd00::", "fd00:0:0:1::", 50},
	} {
		if got := of(tt.n).guess(of(tt.first), of(tt.behind), 100); got != tt.want {
			t.Errorf("%s from %s to %s: %d, want %d", tt.n, tt.first, tt.behind, got, tt.want)
		}
	}
}

// TestReverseMoved shows that an endpoint is found where it stands now, not where it stood when it was new.
func TestReverseMoved(t *testing.T) {
	s, w := cluster(Options{})
	set := func(from, to int) {
		sl := &Slice{SliceKey: SliceKey{"ns", "db-9"}, Service: Key{"ns", "db"}}
		for i := from; i < to; i++ {
			sl.Endpoints = append(sl.Endpoints, Endpoint{Addr: netip.AddrFrom4([4]byte{10, 9, 0, byte(i)})})
		}
		w.SetSlice(Local, sl)
	}
	for _, r := range [][2]int{{50, 60}, {59, 60}, {0, 60}, {30, 100}, {99, 100}} {
		set(r[0], r[1])
		for i := range 100 {
			want := "noname"
			if r[0] <= i && i < r[1] {
				want = fmt.Sprintf("10.9.0.%d.db", i)
			}
			if got := describePointers(s.Reverse(nil, fmt.Sprintf("%d.0.9.10.in-addr.arpa.", i))); got != want {
				t.Errorf("10.9.0.%d of %v: %s, want %s", i, r, got, want)
			}
		}
	}
}
