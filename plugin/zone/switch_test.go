package zone

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// inNamespace writes a namespace of Services, each with an address.
func inNamespace(w *Writer, services ...string) {
	w.SetNamespace("ns")
	for i, name := range services {
		w.SetService(Local, &Service{Key: Key{"ns", name}, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}})
	}
}

// TestSwitch fills a Store with records of before, and then with current ones.
func TestSwitch(t *testing.T) {
	s := New(Options{})
	asOf := time.Now().Add(-time.Hour)
	before, live := NewWriterAsOf(s, asOf), NewWriter(s)
	expect := func(when string, want map[string]Existence, wantAsOf time.Time) {
		t.Helper()
		for name, existence := range want {
			if got := s.Lookup(Local, name+".ns.svc").Existence; got != existence {
				t.Errorf("%s: %s: %v, want %v", when, name, got, existence)
			}
		}
		if got := s.AsOf(); !got.Equal(wantAsOf) {
			t.Errorf("%s: as of %v, want %v", when, got, wantAsOf)
		}
	}
	inNamespace(before, "stays", "goes")
	expect("nothing shown", map[string]Existence{"stays": NotSynced}, time.Time{})
	before.SetSynced()
	old := map[string]Existence{"stays": Records, "goes": Records, "comes": NoName}
	expect("before", old, asOf)
	inNamespace(live, "stays", "comes")
	expect("while the current ones come", old, asOf)
	live.SetSynced()
	current := map[string]Existence{"stays": Records, "goes": NoName, "comes": Records}
	expect("after", current, time.Time{})
	before.SetSynced()
	expect("after the older ones came late", current, time.Time{})
	live.DeleteService(Local, Key{"ns", "comes"})
	before.SetService(Local, &Service{Key: Key{"ns", "late"}, Kind: ExternalName, Target: "a.example"})
	expect("changed", map[string]Existence{"stays": Records, "comes": NoName, "late": NoName}, time.Time{})
	found, _ := s.Reverse(nil, "0.0.0.10.in-addr.arpa.")
	if fmt.Sprint(found) != "[{{ns stays}  invalid IP true}]" {
		t.Errorf("reverse: %v", found)
	}
}

// TestSwitchSerial makes sure that no serial falls when a Writer shows its records (RFC 1982), although the
// records of the one before were written later.
func TestSwitchSerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		live := NewWriter(s)
		inNamespace(live, "web")
		time.Sleep(10 * time.Second) // virtual
		before := NewWriterAsOf(s, time.Now())
		inNamespace(before, "web")
		before.SetSynced()
		time.Sleep(10 * time.Second)
		serials := [2]uint32{s.Serial(Local), s.Serial(Imported)}
		live.SetSynced()
		for set, old := range serials {
			if now := s.Serial(Set(set)); now <= old {
				t.Errorf("set %d: serial %d, then %d", set, old, now)
			}
		}
	})
}

// TestSwitchBlinks asks for names that are among the records of before and the current ones, all
// the time.
func TestSwitchBlinks(t *testing.T) {
	for range 200 {
		s := New(Options{})
		before, live := NewWriterAsOf(s, time.Now()), NewWriter(s)
		inNamespace(before, "a", "goes", "b")
		inNamespace(live, "a", "comes", "b")
		before.SetSynced()
		asked, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				if s.Lookup(Local, "a.ns.svc").Existence != Records || s.Lookup(Local, "b.ns.svc").Existence != Records {
					t.Error("a name was missing")
				}
				if i == 10 {
					close(asked)
				}
				if s.Lookup(Local, "comes.ns.svc").Existence == Records {
					return
				}
			}
		}()
		<-asked
		live.SetSynced()
		<-done
	}
}
