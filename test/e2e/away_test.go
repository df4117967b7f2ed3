package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/neardns/neardns/test/cluster"
)

// catchUp is how far behind DNS may be once it can reach the API server again.
const catchUp = 10 * time.Second

// TestRestart kills the API server outright. It is not parallel: other tests need the server.
func TestRestart(t *testing.T) {
	for name, c := range map[string]*cluster.Cluster{"streaming": streaming, "paging": paging} {
		t.Run(name, func(t *testing.T) {
			n := newNamespace(t, c, "restart")
			stays := n.vip("stays")
			s := serve(t, "kubeconfig "+c.Kubeconfig())
			s.expect(n.svc("stays"), "A", "NOERROR A "+stays)

			c.KillAPIServer()
			s.Logs("cannot reach the Kubernetes API at " + c.URL())
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
				s.expectNow(n.svc("stays"), "A", "NOERROR A "+stays)
				s.expectNow(n.svc("new"), "A", "NXDOMAIN")
			}
			if err := c.StartAPIServer(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := c.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
			added := n.vip("new")
			start := time.Now()
			s.expectWithin(catchUp, n.svc("new"), "A", "NOERROR A "+added)
			t.Logf("caught up in %v", time.Since(start).Round(time.Millisecond))
			s.expectNow(n.svc("stays"), "A", "NOERROR A "+stays)
			s.Logs("the Kubernetes API answers again")
		})
	}
}

// TestCut creates, changes and deletes objects while CoreDNS can't see it.
func TestCut(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "cut")
	stays, goes := n.vip("stays"), n.vip("goes")
	l, lines := newLink(t, streaming)
	l.mend()
	s := serve(t, lines...)
	s.expect(n.svc("stays"), "A", "NOERROR A "+stays)

	l.drop() // the watches alone, which can go on at once
	added := n.vip("first")
	s.expectWithin(catchUp, n.svc("first"), "A", "NOERROR A "+added)

	l.cut()
	n.deleteService("goes")
	added = n.vip("second")
	s.Logs("cannot reach the Kubernetes API at https://" + l.addr)
	s.expectNow(n.svc("goes"), "A", "NOERROR A "+goes)
	l.mend()
	start := time.Now()
	s.expectWithin(catchUp, n.svc("second"), "A", "NOERROR A "+added)
	s.expectWithin(catchUp, n.svc("goes"), "A", "NXDOMAIN")
	t.Logf("caught up in %v", time.Since(start).Round(time.Millisecond))
	s.expectNow(n.svc("stays"), "A", "NOERROR A "+stays)
}

// TestAwayAtStart has CoreDNS start before its API server.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, paging, "away")
	web := n.vip("web")
	l, lines := newLink(t, paging)
	s := serve(t, lines...)
	s.Logs("cannot reach the Kubernetes API at https://" + l.addr)
	s.Logs("starting server with unsynced Kubernetes API")
	s.expectNow(n.svc("web"), "A", "SERVFAIL")
	s.expectNow(n.svc("none"), "A", "SERVFAIL")
	l.mend()
	s.expectWithin(catchUp, n.svc("web"), "A", "NOERROR A "+web)
	s.expectNow(n.svc("none"), "A", "NXDOMAIN")
	s.Logs("the Kubernetes API answers again")
}
