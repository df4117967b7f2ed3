package kube

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/zone"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// TestResync has watches pass over a change of each sort. The comparison finds them, and is silent when
// there is nothing to find.
func TestResync(t *testing.T) {
	f := newFake(t)
	f.put(pathNamespaces, namespace("a"))
	f.put(pathServices, service("a", "stays", "10.0.0.1"))
	f.put(pathServices, service("a", "moves", "10.0.0.2"))
	f.put(pathServices, service("a", "goes", "10.0.0.3"))
	r := run(t, f, func(c *Config) { c.Resync = time.Millisecond })
	is := func(name, addr string) {
		t.Helper()
		testkit.Eventually(t, name+" has the address "+addr, func() bool { return r.ip(zone.Local, "a", name) == addr })
	}
	is("moves", "10.0.0.2")
	f.set(func() { f.swallow = true })
	f.put(pathServices, service("a", "moves", "10.0.0.4"))
	f.put(pathServices, service("a", "comes", "10.0.0.5"))
	f.delete(pathServices, service("a", "goes", "10.0.0.3"))
	testkit.Eventually(t, "the difference is seen", func() bool { return r.repaired.Load() > 0 })
	is("moves", "10.0.0.4")
	is("comes", "10.0.0.5")
	is("goes", "")
	before := r.repaired.Load()
	if before != 3 || r.log.count("3 of the services in all namespaces differ") != 1 {
		t.Errorf("%d objects were repaired:\n%v", before, r.log)
	}
	f.set(func() { f.swallow = false })
	lists := len(f.asked(pathServices, "limit="))
	testkit.Eventually(t, "it is compared again", func() bool { return len(f.asked(pathServices, "limit=")) > lists+1 })
	if n := r.repaired.Load(); n != before {
		t.Errorf("%d objects were repaired when all was well", n-before)
	}
}

// TestSilentWatch has a watch say nothing, and looks at what the next one brings.
func TestSilentWatch(t *testing.T) {
	for what, tt := range map[string]struct {
		then   time.Duration // until the next watch says something
		event  watch.EventType
		missed int
	}{
		"a change was missed":                     {0, watch.Modified, 1},
		"nothing changed":                         {0, watch.Bookmark, 0},
		"something changes after the watch began": {2 * time.Second, watch.Added, 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { silentWatch(t, tt.then, tt.event, tt.missed) })
		})
	}
}

func silentWatch(t *testing.T, then time.Duration, event watch.EventType, missed int) {
	m, log := new(mended), new(logged)
	f := &Follower{cfg: Config{Metrics: m}, report: newReport(log, "host")}
	r := &resource{name: "services", kind: "Service", again: make(chan struct{}, 1)}
	for round := range 3 {
		server, wait := watch.NewFake(), then
		if round == 0 {
			wait = silence - time.Second
		}
		began := time.Now()
		w := f.attend(r, server)
		go func() {
			time.Sleep(wait) // virtual
			server.Action(event, service("", "", ""))
		}()
		events := 0
		for range w.ResultChan() {
			events++
		}
		if took := time.Since(began); events != 1 || took != wait+silence || !server.IsStopped() {
			t.Errorf("%d events, ended after %v, stopped: %v", events, took, server.IsStopped())
		}
	}
	if n, lines := m.silent.Load(), log.count("said nothing"); n != 2*int64(missed) || lines != missed {
		t.Errorf("%d were counted, and %d lines logged", n, lines)
	}
}

// TestAttended shows how else a watch ends: with the server's, when nobody wants more, and to list again.
func TestAttended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Follower{cfg: Config{Metrics: new(mended)}}
		r := &resource{again: make(chan struct{}, 1)}
		server := watch.NewFake()
		w := f.attend(r, server)
		r.again <- struct{}{}
		if e := <-w.ResultChan(); e.Type != watch.Error || !isExpired(e) {
			t.Errorf("got %v", e)
		}
		server.Stop()
		if _, more := <-w.ResultChan(); more {
			t.Error("it goes on")
		}
		server = watch.NewFake()
		w = f.attend(r, server)
		go server.Add(service("", "", ""))
		synctest.Wait() // nobody takes the event
		w.Stop()
		w.Stop()
		f.attending.Wait()
		if !server.IsStopped() {
			t.Error("the server's watch goes on")
		}
	})
}

func isExpired(e watch.Event) bool {
	return apierrors.IsResourceExpired(apierrors.FromObject(e.Object))
}

// TestVersions takes events in that come twice, or in the wrong order.
func TestVersions(t *testing.T) {
	at := func(version string) *metav1.ObjectMeta {
		return &metav1.ObjectMeta{Namespace: "a", Name: "b", ResourceVersion: version}
	}
	var v versions
	if !v.set(at("1")) || v.differing(&listed{of: map[id]uint64{1: 1}}) != nil {
		t.Error("before the first list nothing is compared")
	}
	v.replace(map[id]uint64{})
	for _, tt := range []struct {
		version string
		removed bool
		want    bool
	}{
		{"10", false, true}, {"10", false, false}, {"9", false, false}, {"11", false, true}, {"9", true, false},
		{"12", true, true}, {"12", true, true}, {"5", false, true}, {"odd", false, true}, {"odd", false, true}, {"odd", true, true},
	} {
		got := false
		if tt.removed {
			got = v.remove(at(tt.version))
		} else {
			got = v.set(at(tt.version))
		}
		if got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestDiffering compares versions here with those of a list.
func TestDiffering(t *testing.T) {
	v := versions{of: map[id]uint64{1: 10, 2: 20, 3: 30, 4: 40, 5: 50}}
	l := &listed{at: 45, of: map[id]uint64{1: 10, 2: 21, 3: 29, 6: 44}}
	got := v.differing(l)
	want := map[id]uint64{2: 20, 4: 40, 6: 0}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for id, have := range want {
		if got[id] != have {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
