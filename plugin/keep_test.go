package kubernetes

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
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
		func(c *config) { c.noEndpoints = true },
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
