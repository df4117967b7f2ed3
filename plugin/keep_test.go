package kubernetes

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
	"github.com/neardns/neardns/test/differential/api"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// TestKeepTwice refuses two blocks that keep their records in one file.
func TestKeepTwice(t *testing.T) {
	block := func(zone, file string) string {
		return zone + ":0 {\n bind 127.0.0.1\n kubernetes {\n  endpoint http://127.0.0.1:1\n  startup_timeout 1ms\n  snapshot " + file + " keep\n }\n}\n"
	}
	for second, want := range map[string]string{
		"a":   "Corefile:14 - Error during parsing: snapshot /none/a keep: /none/Corefile:6 keeps its records there; expected a file of its own for each block",
		"./b": "",
	} {
		in := caddy.CaddyfileInput{
			Contents: []byte(block("a.example", "a") + block("b.example", second)), Filepath: "/none/Corefile", ServerTypeName: "dns",
		}
		inst, err := caddy.Start(in)
		if err == nil {
			_ = inst.Stop()
			for _, r := range slices.Clone(live.all) {
				_ = r.stop()
			}
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", second, err)
		}
	}
}

// TestSelection makes sure that each option which selects records is part of what a kept file says.
func TestSelection(t *testing.T) {
	some, err := labels.Parse("a=b")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, change := range []func(*config){
		func(*config) {},
		func(c *config) { c.namespaces = []string{"a", "b"} },
		func(c *config) { c.namespaces = []string{"a b"} },
		func(c *config) { c.namespaceLabels = some },
		func(c *config) { c.labels = some },
		func(c *config) { c.names.NoEndpoints = true },
		func(c *config) { c.names.Pods = zone.PodsVerified },
		func(c *config) { c.podNames = true },
		func(c *config) { c.multicluster = []string{"clusterset.local."} },
		func(c *config) { c.names.Zonal = true },
		func(c *config) { c.names.Serving = true },
	} {
		c := &config{}
		change(c)
		if other, same := seen[selection(c)]; same {
			t.Errorf("changes %d and %d: %s", other, i, selection(c))
		}
		seen[selection(c)] = i
	}
	insecure := &config{names: zone.Options{Pods: zone.PodsInsecure}}
	if _, same := seen[selection(insecure)]; !same {
		t.Error("pods insecure needs no other records than pods disabled")
	}
}

// TestStaleNotice shows which replies carry Stale Answer (RFC 8914, section 4.4), and that it costs no
// memory.
func TestStaleNotice(t *testing.T) {
	store := zone.New(zone.Options{})
	r := reply.Responder{
		Store: store, Zones: reply.NewZones([]string{"cluster.local."}, nil), TTL: 30, Explain: true, Notice: staleNotice(store),
	}
	q, _ := r.Zones.Question("web.ns.svc.cluster.local.", wire.A)
	q.Size, q.EDNS = 1232, true
	got := new(reply.Reply)
	answer := func() wire.Error {
		r.Answer(&q, got)
		return got.Error
	}
	write := func(w *zone.Writer) {
		w.SetNamespace("ns")
		w.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "ns", Name: "web"}, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}})
		w.SetSynced()
	}
	if e := answer(); !e.Set || e.Code != wire.NotReady {
		t.Errorf("not synced: %+v", e)
	}
	write(zone.NewWriterAsOf(store, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	if e := answer(); e.Code != wire.StaleAnswer || string(e.Text) != "the Kubernetes API does not answer; records as of 2026-01-02T03:04:05Z" {
		t.Errorf("kept: %d %s", e.Code, e.Text)
	}
	if n := testing.AllocsPerRun(100, func() { answer() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	write(zone.NewWriter(store))
	if e := answer(); e.Set {
		t.Errorf("current: %+v", e)
	}
}

// apiServer stands before an API server with a Service, ns/web. It says what is forwarded.
type apiServer struct {
	*httptest.Server
	mode atomic.Value // "all", "namespaces" alone, while other requests hang, "none", as a balancer says it, or "strange" are we
}

func startAPI(t *testing.T) *apiServer {
	behind, err := api.Start(&api.Objects{
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}},
		Services:   []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.20"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = behind.Close() })
	to, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	a, forward := &apiServer{}, httputil.NewSingleHostReverseProxy(to)
	forward.FlushInterval = -1
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch mode := a.mode.Load(); {
		case mode == "none":
			w.WriteHeader(http.StatusServiceUnavailable)
		case mode == "strange":
			w.WriteHeader(http.StatusUnauthorized)
		case mode == "namespaces" && !strings.HasSuffix(r.URL.Path, "/namespaces"):
			<-r.Context().Done()
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// follow runs the follower of a block that keeps its records in a file, until the end of the test or the
// call of stop.
func (a *apiServer) follow(t *testing.T, file string, timeout time.Duration) (f *kept, store *zone.Store, stop func()) {
	t.Helper()
	cfg := &config{zones: []string{"cluster.local."}, snapshot: file, keep: true, startupTimeout: timeout}
	cfg.access.Endpoint = a.URL
	store = zone.New(cfg.names)
	of, err := newFollower(cfg, store)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		of.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	if err := of.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	return of.(*kept), store, stop
}

// TestKeptPatience shows for what a start waits: not for an API server that is away or does not know us, for
// a while for one that has answered something, and never for the file if the API server is there.
func TestKeptPatience(t *testing.T) {
	t.Parallel()
	const forever = 4 * testkit.Patience // a start that waits for half of it fails
	a, file := startAPI(t), filepath.Join(t.TempDir(), "cluster.json")
	exists := func(store *zone.Store) bool { return store.Lookup(zone.Local, "web.ns.svc").Existence == zone.Records }
	a.mode.Store("all")
	f, store, stop := a.follow(t, file, forever)
	if !store.AsOf().IsZero() || !exists(store) {
		t.Errorf("live: as of %v", store.AsOf())
	}
	testkit.Eventually(t, "the file is written", func() bool {
		_, err := os.Stat(file)
		return err == nil && f.Behind().IsZero()
	})
	_, store, again := a.follow(t, file, forever)
	if !store.AsOf().IsZero() {
		t.Errorf("live, with a file: as of %v", store.AsOf())
	}
	stop()
	again()

	for _, mode := range []string{"none", "strange"} {
		a.mode.Store(mode)
		began := time.Now()
		_, store, stop = a.follow(t, file, forever)
		if took := time.Since(began); took > testkit.Patience || store.AsOf().IsZero() || !exists(store) {
			t.Errorf("%s: as of %v, after %v", mode, store.AsOf(), took)
		}
		a.mode.Store("all")
		testkit.Eventually(t, "the records are current", func() bool { return store.AsOf().IsZero() })
		stop()
	}

	a.mode.Store("namespaces")
	began := time.Now()
	_, store, _ = a.follow(t, file, 3*time.Second)
	if took := time.Since(began); took < 3*time.Second/2 || store.AsOf().IsZero() || !exists(store) {
		t.Errorf("slow: as of %v, after %v", store.AsOf(), took)
	}
}
