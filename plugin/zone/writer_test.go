package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func slice(name, service string, ips ...string) *Slice {
	s := &Slice{SliceKey: SliceKey{"ns", name}, Service: Key{"ns", service}}
	for _, ip := range ips {
		s.Endpoints = append(s.Endpoints, Endpoint{Addr: addr(ip)})
	}
	SortEndpoints(s.Endpoints, nil)
	return s
}

// headless returns a Store with one headless Service, ns/db, without endpoints.
func headless() (*Store, *Writer) {
	s := New(Options{})
	w := NewWriter(s)
	w.SetNamespace("ns")
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	w.SetSynced()
	return s, w
}

func expect(t *testing.T, s *Store, when, name, want string) {
	t.Helper()
	if got := describe(s.Lookup(Local, name)); got != want {
		t.Errorf("%s: %s is %s, want %s", when, name, got, want)
	}
}

// TestEndpointMoves moves an endpoint between slices, in either order of events.
func TestEndpointMoves(t *testing.T) {
	s, w := headless()
	w.SetSlice(Local, slice("a", "db", "10.0.0.1", "10.0.0.2"))
	w.SetSlice(Local, slice("b", "db", "10.0.0.3"))
	w.SetSlice(Local, slice("b", "db", "10.0.0.2", "10.0.0.3"))
	expect(t, s, "listed twice", "db.ns.svc", "10.0.0.1 10.0.0.2 10.0.0.3")
	w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
	expect(t, s, "added first", "db.ns.svc", "10.0.0.1 10.0.0.2 10.0.0.3")
	expectPTR(t, s, "added first", "2.0.0.10.in-addr.arpa.", "10.0.0.2.db")
	w.SetSlice(Local, slice("b", "db", "10.0.0.3"))
	expectPTR(t, s, "removed first", "2.0.0.10.in-addr.arpa.", "noname")
	w.SetSlice(Local, slice("a", "db", "10.0.0.1", "10.0.0.2"))
	expect(t, s, "removed first", "db.ns.svc", "10.0.0.1 10.0.0.2 10.0.0.3")
	expectPTR(t, s, "removed first", "2.0.0.10.in-addr.arpa.", "10.0.0.2.db")
}

func expectPTR(t *testing.T, s *Store, when, name, want string) {
	t.Helper()
	if got := describePointers(s.Reverse(nil, name)); got != want {
		t.Errorf("%s: %s is %s, want %s", when, name, got, want)
	}
}

func TestSlicesBeforeService(t *testing.T) {
	s, w := headless()
	w.DeleteService(Local, Key{"ns", "db"})
	w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
	expect(t, s, "slices alone", "db.ns.svc", "nodata")
	expectPTR(t, s, "slices alone", "1.0.0.10.in-addr.arpa.", "noname")
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	expect(t, s, "Service arrived", "db.ns.svc", "10.0.0.1")
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: ExternalName, Target: "example.com"})
	expect(t, s, "made an ExternalName", "db.ns.svc", "alias")
	expectPTR(t, s, "made an ExternalName", "1.0.0.10.in-addr.arpa.", "noname")
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Addrs: addrs("10.96.0.1")})
	expect(t, s, "made a ClusterIP", "db.ns.svc", "10.96.0.1")
	expectPTR(t, s, "made a ClusterIP", "1.0.96.10.in-addr.arpa.", "db")
	w.DeleteService(Local, Key{"ns", "db"})
	expectPTR(t, s, "deleted", "1.0.96.10.in-addr.arpa.", "noname")
	w.DeleteSlice(Local, SliceKey{"ns", "a"})
	if _, ok := s.view().sets[Local].entries.get(Key{"ns", "db"}); ok {
		t.Error("the entry of a Service that is gone stays")
	}
}

// TestSliceChangesService moves a slice from one Service to another.
func TestSliceChangesService(t *testing.T) {
	s, w := headless()
	w.SetService(Local, &Service{Key: Key{"ns", "other"}, Kind: Headless})
	w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
	w.SetSlice(Local, slice("a", "other", "10.0.0.1"))
	expect(t, s, "moved", "db.ns.svc", "noname")
	expect(t, s, "moved", "other.ns.svc", "10.0.0.1")
	expectPTR(t, s, "moved", "1.0.0.10.in-addr.arpa.", "10.0.0.1.other")
}

func TestReplace(t *testing.T) {
	s, w := headless()
	w.SetNamespace("other")
	w.SetService(Local, &Service{Key: Key{"other", "web"}, Addrs: addrs("10.96.0.9")})
	w.ReplaceServices(Local, "ns", []*Service{{Key: Key{"ns", "new"}, Addrs: addrs("10.96.0.1")}})
	expect(t, s, "replaced", "db.ns.svc", "noname")
	expect(t, s, "replaced", "new.ns.svc", "10.96.0.1")
	expect(t, s, "out of scope", "web.other.svc", "10.96.0.9")
	w.ReplaceServices(Local, "", nil)
	expect(t, s, "emptied", "web.other.svc", "noname")
	w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
	w.ReplaceSlices(Local, "", []*Slice{slice("b", "db", "10.0.0.2")})
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	expect(t, s, "slices replaced", "db.ns.svc", "10.0.0.2")
	w.ReplaceNamespaces("ns", nil)
	expect(t, s, "namespace gone", "db.ns.svc", "noname")
	expect(t, s, "namespace kept", "other.svc", "nodata")
}

// TestEqualChangesNothing shows that a value written again leaves entry and serial alone.
func TestEqualChangesNothing(t *testing.T) {
	s, w := headless()
	w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
	s.view().sets[Local].changed.Store(1)
	before := s.view().sets[Local].get(Key{"ns", "db"})
	w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	w.SetNamespace("ns")
	w.DeleteSlice(Local, SliceKey{"ns", "missing"})
	if s.view().sets[Local].get(Key{"ns", "db"}) != before || s.view().sets[Local].changed.Load() != 1 {
		t.Error("an equal value was written")
	}
}

func TestSerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(records)
		for range 2 {
			changed := time.Now().Unix()
			r.changed.Store(changed)
			for _, later := range []int64{0, 0, 1, 0, 5000} {
				time.Sleep(time.Duration(later) * time.Second)
				want := uint32(changed) + 1
				if time.Now().Unix() == changed {
					want--
				}
				if got := r.serial(); got != want {
					t.Errorf("changed %d, now %d: %d, want %d", changed, time.Now().Unix(), got, want)
				}
			}
		}
	})
}

func TestSortEndpoints(t *testing.T) {
	es := []Endpoint{{addr("10.0.0.2"), "b"}, {addr("fd00::1"), ""}, {addr("10.0.0.2"), "a"}, {addr("10.0.0.1"), ""}}
	zones := []string{"2b", "6", "2a", "1"}
	SortEndpoints(es, zones)
	if got := fmt.Sprint(es, zones); got != "[{10.0.0.1 } {10.0.0.2 a} {10.0.0.2 b} {fd00::1 }] [1 2a 2b 6]" {
		t.Error(got)
	}
}

// TestRandomEvents holds a Store that took random events against one that was filled with
// what those events leave.
func TestRandomEvents(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		s, w := headless()
		services, live := map[Key]*Service{}, map[SliceKey]*Slice{}
		for range 2000 {
			randomEvent(rnd, w, services, live)
		}
		fresh := New(Options{})
		fw := NewWriter(fresh)
		fw.SetNamespace("ns")
		for _, svc := range services {
			fw.SetService(Local, svc)
		}
		for _, sl := range live {
			fw.SetSlice(Local, sl)
		}
		fw.SetSynced()
		for _, e := range s.view().sets[Local].entries.all { // what came ahead is TestAhead's
			st := *e.state.Load()
			st.ahead = false
			e.state.Store(&st)
		}
		compare(t, seed, s, fresh)
	}
}

func randomEvent(rnd *rand.Rand, w *Writer, services map[Key]*Service, live map[SliceKey]*Slice) {
	key := Key{"ns", []string{"db", "web", "x"}[rnd.IntN(3)]}
	sk := SliceKey{"ns", fmt.Sprint("s", rnd.IntN(6))}
	switch rnd.IntN(5) {
	case 0:
		svc := &Service{Key: key, Kind: Kind(rnd.IntN(3))}
		if svc.Kind == ClusterIP {
			svc.Addrs = addrs(fmt.Sprintf("10.96.0.%d", rnd.IntN(4)))
		}
		services[key] = svc
		w.SetService(Local, svc)
	case 1:
		delete(services, key)
		w.DeleteService(Local, key)
	case 2:
		delete(live, sk)
		w.DeleteSlice(Local, sk)
	default:
		sl := slice(sk.Name, key.Name)
		for range rnd.IntN(5) {
			sl.Endpoints = append(sl.Endpoints, Endpoint{Addr: addr(fmt.Sprintf("10.0.0.%d", rnd.IntN(8)))})
		}
		SortEndpoints(sl.Endpoints, nil)
		live[sk] = sl
		w.SetSlice(Local, sl)
	}
}

func compare(t *testing.T, seed uint64, a, b *Store) {
	t.Helper()
	for _, name := range []string{"db.ns.svc", "web.ns.svc", "x.ns.svc", "10-0-0-3.db.ns.svc"} {
		x, y := a.Lookup(Local, name), b.Lookup(Local, name)
		ax, ay := x.AppendAddrs(nil, true, 100), y.AppendAddrs(nil, true, 100)
		slices.SortFunc(ax, netip.Addr.Compare)
		slices.SortFunc(ay, netip.Addr.Compare)
		if x.Existence != y.Existence || x.What != y.What || !slices.Equal(ax, ay) || x.shared != y.shared {
			t.Fatalf("seed %d: %s: %v %v, want %v %v", seed, name, x.Existence, ax, y.Existence, ay)
		}
	}
	for _, parent := range []string{"0.0.10", "0.96.10", "10"} {
		for i := range 10 {
			name := fmt.Sprintf("%d.%s.in-addr.arpa.", i, parent)
			if x, y := describePointers(a.Reverse(nil, name)), describePointers(b.Reverse(nil, name)); x != y {
				t.Fatalf("seed %d: %s: %s, want %s", seed, name, x, y)
			}
		}
	}
}

// TestReadersNeverTear writes two slices as one moving set, while readers look: an
// endpoint that is always in one of them is never missed or doubled.
func TestReadersNeverTear(t *testing.T) {
	s, w := headless()
	w.SetSlice(Local, slice("a", "db", "10.0.0.1", "10.0.0.2"))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				r := s.Lookup(Local, "db.ns.svc")
				if got := text(r.AppendAddrs(nil, true, 10)); got != "10.0.0.1 10.0.0.2" && got != "10.0.0.2 10.0.0.1" {
					t.Errorf("%s", got)
					return
				}
			}
		})
	}
	for range 3000 {
		w.SetSlice(Local, slice("b", "db", "10.0.0.1"))
		w.SetSlice(Local, slice("a", "db", "10.0.0.2"))
		w.SetSlice(Local, slice("a", "db", "10.0.0.1", "10.0.0.2"))
		w.DeleteSlice(Local, SliceKey{"ns", "b"})
	}
	close(done)
	readers.Wait()
}

// TestServing lets endpoints terminate one after the other: while none is ready, those that still serve
// stand in for them, below the Service and in its SRV records. PTR records point to ready ones alone.
func TestServing(t *testing.T) {
	s := New(Options{Serving: true})
	w := NewWriter(s)
	w.SetNamespace("ns")
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	w.SetSynced()
	serving := func(sl *Slice, ips ...string) *Slice {
		sl.Serving = slice(sl.Name, "db", ips...)
		return sl
	}
	steps := []struct {
		what string
		do   func()
		want string
	}{
		{"both ready", func() {
			w.SetSlice(Local, slice("a", "db", "10.0.0.1"))
			w.SetSlice(Local, slice("b", "db", "10.0.0.2"))
		}, "10.0.0.1 10.0.0.2"},
		{"one terminates", func() { w.SetSlice(Local, serving(slice("a", "db"), "10.0.0.1")) }, "10.0.0.2"},
		{"both terminate", func() { w.SetSlice(Local, serving(slice("b", "db"), "10.0.0.2")) }, "10.0.0.1 10.0.0.2"},
		{"listed twice", func() { w.SetSlice(Local, serving(slice("c", "db"), "10.0.0.2")) }, "10.0.0.1 10.0.0.2"},
		{"listed once", func() { w.DeleteSlice(Local, SliceKey{"ns", "c"}) }, "10.0.0.1 10.0.0.2"},
		{"another becomes ready", func() { w.SetSlice(Local, slice("d", "db", "10.0.0.4")) }, "10.0.0.4"},
		{"it is gone", func() { w.DeleteSlice(Local, SliceKey{"ns", "d"}) }, "10.0.0.1 10.0.0.2"},
		{"the first becomes ready", func() { w.SetSlice(Local, slice("a", "db", "10.0.0.1")) }, "10.0.0.1"},
		{"it terminates again", func() { w.SetSlice(Local, serving(slice("a", "db"), "10.0.0.1")) }, "10.0.0.1 10.0.0.2"},
		{"one has ended", func() { w.DeleteSlice(Local, SliceKey{"ns", "a"}) }, "10.0.0.2"},
		{"all have ended", func() { w.SetSlice(Local, slice("b", "db")) }, "noname"},
	}
	for _, step := range steps {
		step.do()
		expect(t, s, step.what, "db.ns.svc", step.want)
		pointer := "noname"
		if step.what == "both ready" || step.what == "the first becomes ready" {
			pointer = "10.0.0.1.db"
		}
		expectPTR(t, s, step.what, "1.0.0.10.in-addr.arpa.", pointer)
	}
}
