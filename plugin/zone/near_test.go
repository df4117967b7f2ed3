package zone

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// near tries all changes of one letter by hand.
func near(a, b string) bool {
	for i := range len(a) + 1 {
		if i < len(a) && a[:i]+a[i+1:] == b {
			return true
		}
		if i+1 < len(a) && a[:i]+a[i+1:i+2]+a[i:i+1]+a[i+2:] == b {
			return a != b
		}
		for _, c := range alphabet + "_" {
			if a[:i]+string(c)+a[i:] == b || i < len(a) && a[:i]+string(c)+a[i+1:] == b && a != b {
				return true
			}
		}
	}
	return false
}

// TestNear changes names at random, and finds them again if one letter has changed.
func TestNear(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	name := func() string {
		b := make([]byte, 3+r.IntN(4))
		for i := range b {
			b[i] = "abc-"[r.IntN(4)]
		}
		return string(b)
	}
	found, far := 0, 0
	for range 5000 {
		a, b := name(), name()
		want := near(a, b)
		if Near(a, b) != want || Near(b, a) != want {
			t.Fatalf("%s, %s: want %v", a, b, want)
		}
		s := New(Options{})
		w := NewWriter(s)
		w.SetNamespace(b)
		w.SetNamespace("ns")
		w.SetService(Local, &Service{Key: Key{"ns", b}})
		w.SetSynced()
		text := ""
		if want {
			text = b
			found++
		} else {
			far++
		}
		if got := s.AppendNearNamespace([]byte("x"), a); string(got) != "x"+text && a != b && a != "ns" {
			t.Fatalf("%s, %s: got %s", a, b, got)
		}
		if got := s.AppendNearService(nil, Local, Key{"ns", a}); string(got) != text && a != b {
			t.Fatalf("%s, %s: got %s", a, b, got)
		}
	}
	if found < 50 || far < 50 {
		t.Errorf("%d found, %d far", found, far)
	}
}

// TestGuesses asks for wrong names without end: some are guessed in each second, whoever asks.
func TestGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		w := NewWriter(s)
		w.SetNamespace("prod")
		w.SetSynced()
		for range 3 {
			hints, first := 0, 0
			for i := range 10_000 {
				if len(s.AppendNearNamespace(nil, "prodd")) == 0 {
					break
				}
				hints, first = hints+1, i
			}
			if tried := hints * (len(alphabet) + 1) * 11; tried > mostGuesses || tried < mostGuesses/2 {
				t.Errorf("%d hints, the last at %d", hints, first)
			}
			time.Sleep(time.Second)
		}
	})
}

// BenchmarkNear guesses a name of ordinary length, and a long one, in a cluster of 6,000 Services.
func BenchmarkNear(b *testing.B) {
	s := New(Options{})
	w := NewWriter(s)
	w.SetNamespace("ns")
	for i := range 6000 {
		w.SetService(Local, &Service{Key: Key{"ns", "service-" + strings.Repeat("x", i%8) + string(alphabet[i%37]) + string(alphabet[i/37%37])}})
	}
	w.SetSynced()
	for _, name := range []string{"frontend", strings.Repeat("y", 63)} {
		b.Run(name[:8], func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 128)
			for b.Loop() {
				s.near.tried.Store(0)
				if got := s.AppendNearService(buf, Local, Key{"ns", name}); len(got) > 0 {
					b.Fatal(string(got))
				}
			}
		})
	}
}
