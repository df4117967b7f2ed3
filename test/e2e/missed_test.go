package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/apiproxy"
	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestMissedEvents has watch events of each resource swallowed, doubled and put in the wrong order, where
// they are about one namespace. The records are right again after a comparison.
func TestMissedEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*cluster.Cluster{"streaming": streaming, "paging": paging} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			missedEvents(t, c)
		})
	}
}

func missedEvents(t *testing.T, c *cluster.Cluster) {
	n := newNamespace(t, c, "missed")
	n.vip("goes")
	n.vip("moves")
	n.service("db", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": "db"}})
	n.pod("db-0", "db", "10.244.78.0", corev1.PodSpec{})
	n.pod("pod-0", "none", "10.244.78.1", corev1.PodSpec{})
	p := apiproxy.Start(t, c.Config())
	s, _ := startWarm(t, filepath.Join(t.TempDir(), "cluster.json"), "endpoint "+p.URL, "pods verified", "resync 1s")
	s.expect(n.svc("goes"), "A", s.dig(n.svc("goes"), "A"))
	s.expect(n.svc("db"), "A", "NOERROR A 10.244.78.0")
	for _, resource := range []string{"namespaces", "services", "endpointslices", "pods"} {
		p.Do(resource, n.faults())
	}
	began := time.Now()
	n.deleteService("goes")
	n.deleteService("moves")
	moved, twice := n.vip("moves"), n.vip("twice")
	n.vip("ghost")
	n.deleteService("ghost")
	n.pod("db-1", "db", "10.244.78.2", corev1.PodSpec{})
	n.deletePod("pod-0")
	other := newNamespace(t, c, "missed-too")
	s.expect(n.svc("goes"), "A", "NXDOMAIN")
	s.expect(n.svc("moves"), "A", "NOERROR A "+moved)
	s.expect(n.svc("twice"), "A", "NOERROR A "+twice)
	s.expect(n.svc("ghost"), "A", "NXDOMAIN")
	s.expect(n.svc("db"), "A", "NOERROR A 10.244.78.0 A 10.244.78.2")
	s.expect("10-244-78-1."+n.name+".pod.cluster.local", "A", "NXDOMAIN")
	s.expect(other.name+".svc.cluster.local", "A", "NOERROR")
	t.Logf("all is right %v after the changes", time.Since(began).Round(time.Millisecond))
	for _, kind := range []string{"Namespace", "Service", "EndpointSlice", "Pod"} {
		if run.Scrape(t, s.metrics.String()).Sum("coredns_kubernetes_repairs_total", fmt.Sprintf("kind=%q", kind)) == 0 {
			t.Errorf("no %s was repaired", kind)
		}
	}
	s.Logs("a change was missed; listing them again")
}

// faults are what goes wrong with the events about n, and with those that tell of a namespace.
func (n *namespace) faults() apiproxy.Rule {
	return func(e apiproxy.Event) apiproxy.Action {
		switch {
		case e.Initial: // of a list that repairs
			return apiproxy.Pass
		case e.Name == "missed-too":
			return apiproxy.Swallow
		case e.Namespace != n.name:
			return apiproxy.Pass
		case e.Name == "twice":
			return apiproxy.Duplicate
		case e.Name == "ghost" && e.Type == "ADDED":
			return apiproxy.Reorder
		case e.Name == "ghost":
			return apiproxy.Pass
		}
		return apiproxy.Swallow
	}
}

// TestFrozenWatch has a watch say nothing more, though its connection lives.
func TestFrozenWatch(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, paging, "frozen")
	p := apiproxy.Start(t, paging.Config())
	s, _ := startWarm(t, filepath.Join(t.TempDir(), "cluster.json"), "endpoint "+p.URL, "resync off")
	first := n.vip("first")
	s.expect(n.svc("first"), "A", "NOERROR A "+first)
	frozen := make(chan struct{})
	p.Do("services", func(e apiproxy.Event) apiproxy.Action {
		if e.Name != "second" {
			return apiproxy.Pass
		}
		close(frozen)
		return apiproxy.Freeze
	})
	second := n.vip("second")
	<-frozen
	p.Do("services", nil) // of the next watch
	began := time.Now()
	const promise = 2 * time.Minute
	s.expectWithin(promise+testkit.Patience, n.svc("second"), "A", "NOERROR A "+second)
	t.Logf("noticed after %v", time.Since(began).Round(time.Second))
	s.Logs("the watch of services in all namespaces said nothing for 1m40s")
	if n := run.Scrape(t, s.metrics.String()).Sum("coredns_kubernetes_silent_watches_total", `kind="Service"`); n != 1 {
		t.Errorf("%v were counted", n)
	}
	if lines := strings.Count(s.Log(), "said nothing"); lines != 1 {
		t.Errorf("%d lines", lines)
	}
}
