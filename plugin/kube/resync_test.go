package kube

import (
	"maps"
	"net/http"
	"slices"
	"strings"
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

// compares reports whether a request is for a comparison.
func compares(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList")
}

// refusing has f refuse comparisons, or all else.
func (f *fakeAPI) refusing(comparisons bool) {
	f.set(func() {
		f.refuse = func(r *http.Request) *apierrors.StatusError {
			if compares(r) == comparisons {
				return apierrors.NewServiceUnavailable("busy")
			}
			return nil
		}
	})
}

// TestResyncWithoutWatch compares while there is no watch: what it has not brought yet was not missed.
func TestResyncWithoutWatch(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.put(pathServices, service("a", "web", "10.0.0.1"))
	r := run(t, f, func(c *Config) { c.Resync = time.Millisecond })
	r.wait(t)
	f.refusing(false)
	f.cutWatches()
	f.put(pathServices, service("a", "web", "10.0.0.2"))
	before := len(f.asked(pathServices))
	testkit.Eventually(t, "it is compared several times", func() bool {
		after := f.asked(pathServices)[before:]
		return len(slices.DeleteFunc(after, func(r *http.Request) bool { return !compares(r) })) > 4
	})
	f.set(func() { f.refuse = nil })
	testkit.Eventually(t, "the change is known", func() bool { return r.ip(zone.Local, "a", "web") == "10.0.0.2" })
	if n := r.repaired.Load(); n != 0 {
		t.Errorf("%d objects were repaired", n)
	}
}

// TestResyncFails has comparisons fail for a while. That is told, and over with the next.
func TestResyncFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := run(t, f, func(c *Config) { c.Resync = time.Millisecond })
	r.wait(t)
	f.refusing(true)
	for _, line := range []string{"cannot list services in all namespaces: ", "can list services in all namespaces again"} {
		testkit.Eventually(t, line, func() bool { return r.log.count(line) == 1 })
		f.set(func() { f.refuse = nil })
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
		w := f.attend(r, server, false)
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
		w := f.attend(r, server, false)
		r.again <- struct{}{}
		if e := <-w.ResultChan(); e.Type != watch.Error || !isExpired(e) {
			t.Errorf("got %v", e)
		}
		server.Stop()
		if _, more := <-w.ResultChan(); more {
			t.Error("it goes on")
		}
		server = watch.NewFake()
		w = f.attend(r, server, false)
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

// TestAttendedList has a watch begin with a list (KEP-3157). It is as good as one that was asked for, and
// what follows a list that fell silent is no change that was missed.
func TestAttendedList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(mended)
		f := &Follower{cfg: Config{Metrics: m}, report: newReport(new(logged), "host")}
		r := &resource{again: make(chan struct{}, 1)}
		server := watch.NewFakeWithChanSize(2, false)
		server.Add(service("", "", ""))
		r.again <- struct{}{}
		w := f.attend(r, server, true)
		synctest.Wait()
		if e := <-w.ResultChan(); e.Type != watch.Added || len(r.again) > 0 {
			t.Errorf("got %v, and %d more lists were asked for", e, len(r.again))
		}
		if r.watch.Load() != nil {
			t.Error("it is taken for a watch before its list has ended")
		}
		for range w.ResultChan() { // nothing, until it is ended
		}
		for _, listing := range []bool{true, false} {
			server = watch.NewFakeWithChanSize(3, false)
			server.Add(service("", "", ""))
			end := service("", "", "")
			end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
			server.Action(watch.Bookmark, end)
			w = f.attend(r, server, listing)
			<-w.ResultChan()
			<-w.ResultChan()
			synctest.Wait()
			if r.watch.Load() != w {
				t.Error("it is not taken for a watch")
			}
			w.Stop()
			f.attending.Wait()
			if r.watch.Load() != nil {
				t.Error("it is taken for a watch after its end")
			}
		}
		if n := m.silent.Load(); n != 0 {
			t.Errorf("%d changes were missed", n)
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
	v := versions{of: map[id]uint64{1: 10, 2: 20, 3: 30, 4: 40, 5: 50, 7: 46}}
	server := map[id]uint64{1: 10, 2: 21, 3: 29, 6: 44, 7: 9}
	for name, tt := range map[string]struct {
		after uint64
		want  map[id]uint64
	}{
		"what came after the list differs from it": {40, map[id]uint64{2: 20, 3: 30, 4: 40, 6: 0}},
		"the server was restored from a backup":    {v.newest(), map[id]uint64{2: 20, 3: 30, 4: 40, 5: 50, 6: 0, 7: 46}},
	} {
		if got := v.differing(&listed{at: 45, after: tt.after, of: server}); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
