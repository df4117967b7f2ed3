package kube

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

func TestSync(t *testing.T) {
	for _, streams := range []bool{true, false} {
		t.Run(fmt.Sprintf("streams=%v", streams), func(t *testing.T) {
			f := newFake(t)
			f.watchList = streams
			f.world()
			for i := range 2*pageSize + 1 {
				f.put(pathServices, service("a", fmt.Sprintf("s%d", i), "10.0.0.2"))
			}
			r := run(t, f, nil)
			r.wait(t)
			if !r.zone.NamespaceExists("a") || len(r.zone.PodsAt(addr("10.1.0.1"))) != 1 {
				t.Error("no namespace or pod")
			}
			if got := r.ip(zone.Local, "a", "web") + r.ip(zone.Local, "a", "s1000") + r.ip(zone.Imported, "a", "web"); got != "10.0.0.110.0.0.210.2.0.1" {
				t.Errorf("cluster IPs %q", got)
			}
			if l, i := r.endpoints(zone.Local, "a", "db"), r.endpoints(zone.Imported, "a", "web"); l != 2 || i != 1 {
				t.Errorf("%d local and %d imported endpoints", l, i)
			}
			want := 0
			if !streams {
				want = 3
			}
			if n := len(f.asked(pathServices, "limit=500")); n != want {
				t.Errorf("%d pages of services, want %d", n, want)
			}
			if len(f.asked("limit", "resourceVersion")) > 0 {
				t.Error("a list from a cache")
			}
			if r.log.String() != "" {
				t.Errorf("log: %v", r.log)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	f := newFake(t)
	f.world()
	r := run(t, f, nil)
	r.wait(t)

	f.put(pathNamespaces, namespace("b"))
	f.put(pathServices, service("a", "web", "10.0.0.9"))
	f.put(pathServices, service("a", "new", "10.0.0.3"))
	f.put(pathSlices, slice("a", "db", "10.1.0.1"))
	f.put(pathPods, pod("a", "p", "10.1.0.7"))
	f.put(pathImports, imported("a", "web", "10.2.0.9"))
	testkit.Eventually(t, "changed", func() bool {
		return r.zone.NamespaceExists("b") && r.ip(zone.Local, "a", "web") == "10.0.0.9" &&
			r.ip(zone.Local, "a", "new") == "10.0.0.3" && r.endpoints(zone.Local, "a", "db") == 1 &&
			len(r.zone.PodsAt(addr("10.1.0.7"))) == 1 &&
			r.ip(zone.Imported, "a", "web") == "10.2.0.9"
	})

	nameless := service("a", "web", "")
	nameless.Spec.Type, nameless.Spec.ExternalName = corev1.ServiceTypeExternalName, "example.com"
	f.put(pathServices, nameless)
	loose := slice("a", "db", "10.1.0.1")
	loose.Labels = nil
	f.put(pathSlices, loose)
	ended := pod("a", "p", "10.1.0.7")
	ended.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	f.put(pathPods, ended)
	f.put(pathPods, pod("a", "next", "10.1.0.8"))
	testkit.Eventually(t, "next", func() bool { return len(r.zone.PodsAt(addr("10.1.0.8"))) == 1 })
	if len(r.zone.PodsAt(addr("10.1.0.7"))) == 0 {
		t.Error("a terminating Pod is gone before it is")
	}
	f.delete(pathPods, ended)
	f.delete(pathServices, service("a", "new", ""))
	f.delete(pathImports, imported("a", "web", ""))
	f.delete(pathNamespaces, namespace("b"))
	testkit.Eventually(t, "gone", func() bool {
		return r.ip(zone.Local, "a", "web") == "" && r.endpoints(zone.Local, "a", "db") == 0 &&
			len(r.zone.PodsAt(addr("10.1.0.7"))) == 0 && !r.exists(zone.Local, "a", "new") &&
			!r.exists(zone.Imported, "a", "web") && !r.zone.NamespaceExists("b")
	})
	if r.log.String() != "" {
		t.Errorf("log: %v", r.log)
	}
}

// TestMissedEvents ends a watch at a place from which it can't go on, while objects change.
func TestMissedEvents(t *testing.T) {
	f := newFake(t)
	f.world()
	r := run(t, f, nil)
	r.wait(t)
	f.set(func() {
		f.refuse = func(*http.Request) *apierrors.StatusError { return apierrors.NewInternalError(context.Canceled) }
	})
	f.cutWatches()
	f.delete(pathServices, service("a", "web", ""))
	f.put(pathServices, service("a", "new", "10.0.0.3"))
	f.put(pathSlices, slice("a", "db", "10.1.0.3"))
	f.compact()
	if r.ip(zone.Local, "a", "web") != "10.0.0.1" {
		t.Error("a record is gone while the server is away")
	}
	f.set(func() { f.refuse = nil })
	testkit.Eventually(t, "caught up", func() bool {
		if r.ip(zone.Imported, "a", "web") == "" || !r.zone.NamespaceExists("a") {
			t.Fatal("a record that stayed was missing")
		}
		return !r.exists(zone.Local, "a", "web") && r.ip(zone.Local, "a", "new") != "" &&
			r.endpoints(zone.Local, "a", "db") == 1
	})
}

// TestListAhead lists Services again, one of them of a namespace that the namespaces' watch has not told of.
func TestListAhead(t *testing.T) {
	f := newFake(t)
	f.world()
	f.put(pathServices, service("missing", "web", "10.0.0.2"))
	r := run(t, f, nil)
	r.wait(t)
	if r.zone.NamespaceExists("missing") {
		t.Error("a first list proves no namespace")
	}
	f.set(func() {
		f.refuse = func(*http.Request) *apierrors.StatusError { return apierrors.NewInternalError(context.Canceled) }
	})
	f.cutWatches()
	f.put(pathServices, service("new", "web", "10.0.0.3"))
	f.compact()
	f.set(func() { f.refuse = nil })
	testkit.Eventually(t, "listed again", func() bool {
		return r.zone.Lookup(zone.Local, "web.new.svc").Existence == zone.Records
	})
	if r.zone.NamespaceExists("missing") {
		t.Error("a Service that is not new proves its namespace")
	}
}

// TestListExpires makes the server forget a list between two of its pages.
func TestListExpires(t *testing.T) {
	f := newFake(t)
	f.watchList = false
	f.put(pathNamespaces, namespace("a"))
	for i := range pageSize + 1 {
		f.put(pathServices, service("a", fmt.Sprintf("s%d", i), "10.0.0.2"))
	}
	once := false
	f.onPage = func() {
		if !once {
			once = true
			f.history = append(f.history, change{"ADDED", pathServices, service("a", "late", "10.0.0.3")})
			f.compacted = len(f.history)
		}
	}
	r := run(t, f, nil)
	r.wait(t)
	if r.ip(zone.Local, "a", "late") == "" || r.ip(zone.Local, "a", "s500") == "" {
		t.Error("the list is not complete")
	}
	if n := len(f.asked(pathServices, "continue=")); n != 2 {
		t.Errorf("%d second pages, want 2", n)
	}
}

func TestScopes(t *testing.T) {
	f := newFake(t)
	f.world()
	f.put(pathNamespaces, namespace("b"))
	f.put(pathNamespaces, namespace("c"))
	f.put(pathServices, service("b", "web", "10.0.0.2"))
	f.put(pathServices, service("c", "web", "10.0.0.3"))
	r := run(t, f, func(c *Config) { c.Namespaces = []string{"b", "a", "b"} })
	r.wait(t)
	if r.ip(zone.Local, "a", "web") == "" || r.ip(zone.Local, "b", "web") == "" || r.ip(zone.Local, "c", "web") != "" {
		t.Error("not the services of a and b")
	}
	if !r.zone.NamespaceExists("a") || r.zone.NamespaceExists("c") {
		t.Error("not the namespaces a and b")
	}
	for _, req := range f.asked() {
		if s := newScope(req.URL); s.namespace == "" && (s.path != pathNamespaces || s.name == "") {
			t.Errorf("asked for all namespaces: %v", req.URL)
		}
	}
	f.delete(pathNamespaces, namespace("b"))
	f.put(pathServices, service("a", "web", "10.0.0.9"))
	testkit.Eventually(t, "changed", func() bool {
		return !r.zone.NamespaceExists("b") && r.zone.NamespaceExists("a") && r.ip(zone.Local, "a", "web") == "10.0.0.9"
	})
}

func TestSelectors(t *testing.T) {
	f := newFake(t)
	r := run(t, f, func(c *Config) { c.NamespaceLabels, c.Labels = "team=x", "tier in (a,b)" })
	r.wait(t)
	for part, want := range map[string][2]string{
		pathNamespaces: {"team=x", ""},
		pathServices:   {"tier in (a,b)", ""},
		pathPods:       {"tier in (a,b)", livePods},
		pathImports:    {"", ""},
	} {
		for _, req := range f.asked(part) {
			q := req.URL.Query()
			if got := [2]string{q.Get("labelSelector"), q.Get("fieldSelector")}; got != want {
				t.Errorf("%s: selectors %q, want %q", part, got, want)
			}
		}
	}
	selectors := map[string]bool{}
	for _, req := range f.asked(pathSlices) {
		selectors[req.URL.Query().Get("labelSelector")] = true
	}
	if !selectors["tier in (a,b)"] || !selectors["tier in (a,b),"+mcs.LabelServiceName] || len(selectors) != 2 {
		t.Errorf("selectors of slices: %v", selectors)
	}
}

func TestOptions(t *testing.T) {
	f := newFake(t)
	f.world()
	r := run(t, f, func(c *Config) { c.Endpoints, c.Pods, c.Imports = false, false, false })
	r.wait(t)
	for _, path := range []string{pathSlices, pathPods, pathImports} {
		if len(f.asked(path)) > 0 {
			t.Errorf("asked for %s", path)
		}
	}
}

func TestProgrammed(t *testing.T) {
	f := newFake(t)
	f.world()
	type call struct {
		key     zone.Key
		set     zone.Set
		trigger time.Time
	}
	calls := make(chan call, 10)
	r := run(t, f, func(c *Config) {
		c.Programmed = func(k zone.Key, s zone.Set, trigger time.Time) { calls <- call{k, s, trigger} }
	})
	r.wait(t)
	at := time.Date(2026, 11, 22, 1, 2, 3, 4000, time.UTC)
	for _, text := range []string{"yesterday", at.Format(time.RFC3339Nano)} {
		s := slice("a", "db", "10.1.0.9")
		s.Annotations = map[string]string{corev1.EndpointsLastChangeTriggerTime: text}
		f.put(pathSlices, s)
	}
	got := <-calls
	if want := (call{zone.Key{Namespace: "a", Name: "db"}, zone.Local, at}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	r.stop()
	if len(calls) > 0 {
		t.Errorf("called again: %v", <-calls)
	}
}

func TestForbidden(t *testing.T) {
	for _, verb := range []string{"list", "watch"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.watchList = false
			f.world()
			f.refuse = func(r *http.Request) *apierrors.StatusError {
				if r.URL.Path != pathSlices || (verb == "watch") != r.URL.Query().Has("watch") {
					return nil
				}
				return apierrors.NewForbidden(schema.GroupResource{Group: "discovery.k8s.io", Resource: "endpointslices"}, "",
					fmt.Errorf(`User "dns" cannot %s resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope`, verb))
			}
			r := run(t, f, func(c *Config) { c.Imports = false })
			line := fmt.Sprintf(`ERROR cannot %s endpointslices.discovery.k8s.io in all namespaces: forbidden; `+
				`grant verb %q on "endpointslices" (API group "discovery.k8s.io") to User "dns"`, verb, verb)
			testkit.Eventually(t, line, func() bool { return r.log.count(line) == 1 })
			if verb == "list" {
				testkit.Eventually(t, "tried again", func() bool { return len(f.asked(pathSlices)) > 3 })
				if r.isSynced() {
					t.Error("synced without endpoints")
				}
			}
			f.set(func() { f.refuse = nil })
			testkit.Eventually(t, "can", func() bool {
				return r.log.count("INFO can "+verb+" endpointslices.discovery.k8s.io in all namespaces now") == 1
			})
			r.wait(t)
			if n := strings.Count(r.log.String(), "\n"); n != 1 {
				t.Errorf("log of %d lines:\n%v", n+1, r.log)
			}
		})
	}
}

func TestNotDefined(t *testing.T) {
	f := newFake(t)
	f.world()
	f.refuse = func(r *http.Request) *apierrors.StatusError {
		if r.URL.Path == pathImports {
			return apierrors.NewGenericServerResponse(http.StatusNotFound, "list", schema.GroupResource{}, "", "404 page not found", 0, true)
		}
		return nil
	}
	r := run(t, f, nil)
	r.wait(t)
	f.set(func() { f.refuse = nil })
	testkit.Eventually(t, "imports", func() bool { return r.ip(zone.Imported, "a", "web") == "10.2.0.1" })
	const want = `ERROR cannot follow serviceimports.multicluster.x-k8s.io in all namespaces: ` +
		"the cluster does not define them in version v1alpha1; install their CustomResourceDefinition\n" +
		`INFO can follow serviceimports.multicluster.x-k8s.io in all namespaces now, after `
	if !strings.HasPrefix(r.log.String(), want) || strings.Count(r.log.String(), "\n") != 1 {
		t.Errorf("log:\n%v\nwant:\n%v", r.log, want)
	}
}

// TestCredentials makes the server refuse us at first. TestReportFlaps shows when that is over.
func TestCredentials(t *testing.T) {
	f := newFake(t)
	f.world()
	f.refuse = func(*http.Request) *apierrors.StatusError { return apierrors.NewUnauthorized("Unauthorized") }
	r := run(t, f, nil)
	testkit.Eventually(t, "refused", func() bool {
		return r.log.count("ERROR the Kubernetes API at "+f.URL+" does not accept our credentials") == 1
	})
	f.set(func() { f.refuse = nil })
	r.wait(t)
	const over = "accepts our credentials again"
	if n := r.log.count("credentials") - r.log.count(over); n != 1 || r.log.count(over) > 1 || r.log.count("") != n+r.log.count(over) {
		t.Errorf("log:\n%v", r.log)
	}
}

func TestMaxInflight(t *testing.T) {
	f := newFake(t)
	f.world()
	r := run(t, f, func(c *Config) { c.Access.MaxInflight, c.Access.QPS, c.Access.Burst = 1, 100, 100 })
	r.wait(t)
}

func TestProtocol(t *testing.T) {
	f := newFake(t)
	r := run(t, f, func(c *Config) { c.Access.UserAgent = "test/1" })
	r.wait(t)
	for _, req := range f.asked() {
		want := typeProtobuf + "," + typeJSON
		if req.URL.Path == pathImports {
			want = typeJSON
		}
		if req.ProtoMajor != 2 || req.Header.Get("Accept") != want || req.UserAgent() != "test/1" || req.TLS.Version < tls.VersionTLS12 {
			t.Errorf("%v %v %v", req.Proto, req.URL, req.Header)
		}
	}
}
