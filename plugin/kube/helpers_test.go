package kube

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Paths of collections.
const (
	pathNamespaces = "/api/v1/namespaces"
	pathServices   = "/api/v1/services"
	pathPods       = "/api/v1/pods"
	pathSlices     = "/apis/discovery.k8s.io/v1/endpointslices"
	pathImports    = "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports"
)

// logged collects log lines.
type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) add(level, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+" "+fmt.Sprintf(format, args...))
}

func (l *logged) Infof(format string, args ...any)    { l.add("INFO", format, args...) }
func (l *logged) Warningf(format string, args ...any) { l.add("WARNING", format, args...) }
func (l *logged) Errorf(format string, args ...any)   { l.add("ERROR", format, args...) }

// count returns how many lines contain part.
func (l *logged) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// running is a Follower under test.
type running struct {
	*Follower
	zone *zone.Store
	log  *logged
	mended
	stop func()
}

// mended counts what a Follower noticed.
type mended struct{ silent, repaired atomic.Int64 }

func (m *mended) Silent(string)            { m.silent.Add(1) }
func (m *mended) Repaired(_ string, n int) { m.repaired.Add(int64(n)) }

// run starts a Follower that follows everything, unless change says otherwise.
func run(t *testing.T, f *fakeAPI, change func(*Config)) *running {
	t.Helper()
	r := &running{log: &logged{}, zone: zone.New(zone.Options{Pods: zone.PodsVerified})}
	cfg := Config{
		Access:    Access{Endpoint: f.URL, CA: caFile(t, f)},
		Endpoints: true, Pods: true, Imports: true,
		Translator: &object.Translator{Skipped: func(p object.Problem) { t.Errorf("skipped: %v", p) }},
		Writer:     zone.NewWriter(r.zone),
		Log:        r.log,
		Metrics:    &r.mended,
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Follower = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	r.stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(testkit.Patience):
			t.Error("Run goes on after its context has ended")
		}
	}
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("log:\n%v", r.log)
		}
	})
	return r
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := r.WaitSynced(ctx); err != nil || !r.isSynced() || !r.zone.Synced() {
		t.Fatalf("not synced: %v\n%v", err, r.log)
	}
}

// caFile writes the certificate that verifies the fake's own.
func caFile(t *testing.T, f *fakeAPI) string {
	path := filepath.Join(t.TempDir(), "ca")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func service(namespace, name, ip string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: ip, ClusterIPs: []string{ip}},
	}
}

func slice(namespace, service string, addrs ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: service + "-1",
			Labels: map[string]string{discoveryv1.LabelServiceName: service},
		},
	}
	for _, a := range addrs {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return s
}

func pod(namespace, name, ip string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Status:     corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: ip}}},
	}
}

func imported(namespace, name, ip string) *mcs.ServiceImport {
	return &mcs.ServiceImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       mcs.ServiceImportSpec{Type: mcs.ClusterSetIP, IPs: []string{ip}},
	}
}

// ip returns the first cluster IP of a Service in the zone.
func (r *running) ip(set zone.Set, namespace, name string) string {
	s := r.zone.Service(set, zone.Key{Namespace: namespace, Name: name})
	if s == nil || len(s.Addrs) == 0 {
		return ""
	}
	return s.Addrs[0].String()
}

// endpoints returns how many endpoints a Service has in the zone.
func (r *running) endpoints(set zone.Set, namespace, name string) int {
	found := r.zone.Lookup(set, name+"."+namespace+".svc")
	return found.EndpointCount()
}

// exists reports whether a Service is in the zone.
func (r *running) exists(set zone.Set, namespace, name string) bool {
	return r.zone.Service(set, zone.Key{Namespace: namespace, Name: name}) != nil
}

// world puts one object of each kind.
func (f *fakeAPI) world() {
	f.put(pathNamespaces, namespace("a"))
	f.put(pathServices, service("a", "web", "10.0.0.1"))
	f.put(pathServices, service("a", "db", "None"))
	f.put(pathSlices, slice("a", "db", "10.1.0.1", "10.1.0.2"))
	f.put(pathPods, pod("a", "p", "10.1.0.1"))
	f.put(pathImports, imported("a", "web", "10.2.0.1"))
	remote := slice("a", "far", "10.3.0.1")
	remote.Labels = map[string]string{mcs.LabelServiceName: "web", mcs.LabelSourceCluster: "east"}
	f.put(pathSlices, remote)
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
