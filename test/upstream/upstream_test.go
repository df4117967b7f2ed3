// Package upstream tries a Forward's connections on stock CoreDNS, which answers the queries of a
// connection one after another.
package upstream

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// noise is how much later answers may come on a busy machine. A query that waits for another one
// waits for upstream.DefaultHedge at least, which is more.
const noise = 30 * time.Millisecond

// A tenth of the PTR queries takes 2 s, and so do queries for the root, which health checks ask for.
// Names of the cluster are answered as fast as without them, and each server gets 4 connections at
// most. If all names share connections, names of the cluster are slower. That shows that the test
// can tell.
func TestSlowPTR(t *testing.T) {
	servers := start(t, 3, slowServer(t))
	for _, test := range []struct {
		what    string
		reserve int
		ok      func(alone, beside result) bool
	}{
		{"scopes", 0, func(alone, beside result) bool { return beside.p99 < 2*alone.p99+noise && beside.failed == 0 }},
		{"no scopes", -1, func(alone, beside result) bool { return beside.p99 > 3*alone.p99+noise }},
	} {
		t.Run(test.what, func(t *testing.T) {
			for range 3 { // other load may slow down one of the two measurements
				alone, beside := measure(t, upstream.Config{Reserve: test.reserve}, servers)
				t.Logf("cluster names: %v alone, %v beside slow PTR queries", alone, beside)
				if test.ok(alone, beside) {
					return
				}
			}
			t.Error("not as it should be, three times")
		})
	}
}

// result is how long queries took, and how many were not answered.
type result struct {
	p99    time.Duration
	failed int64
}

func (r result) String() string { return fmt.Sprintf("p99 %v, %d failed", r.p99, r.failed) }

// measure asks for cluster names, first alone and then beside PTR queries.
func measure(t *testing.T, c upstream.Config, servers []netip.AddrPort) (alone, beside result) {
	t.Helper()
	for _, addr := range servers {
		c.Servers = append(c.Servers, upstream.Endpoint{Addr: addr, Proto: upstream.TCP})
	}
	f, err := upstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	alone = clusterNames(t, f)

	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var slow, all atomic.Int64
	for i := range 20 {
		group.Go(func() { pointers(ctx, t, f, i, &slow, &all) })
	}
	group.Go(func() { countConnections(ctx, t, servers) })
	testkit.Eventually(t, "a slow PTR query was answered", func() bool { return slow.Load() > 0 }) // and others are under way
	beside = clusterNames(t, f)
	stop()
	group.Wait()
	t.Logf("%d of %d PTR queries took 2 s or more", slow.Load(), all.Load())
	if slow.Load() == 0 || f.Out() {
		t.Errorf("%d slow PTR queries; out: %v", slow.Load(), f.Out())
	}
	return alone, beside
}

// pointers asks PTR queries one by one until ctx ends. A tenth of them takes 2 s.
func pointers(ctx context.Context, t *testing.T, f *upstream.Forward, i int, slow, all *atomic.Int64) {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("%d.%d.%d.10.in-addr.arpa", (i+n)%10, n%256, i)
		began := time.Now()
		m, err := f.Exchange(ctx, nil, query(t, name, wire.PTR), nil, upstream.Other)
		if ctx.Err() != nil {
			return
		}
		if err == nil && wire.Message(m).Rcode() != wire.NoError {
			t.Errorf("%s: %v", name, wire.Message(m).Rcode())
		}
		all.Add(1)
		if time.Since(began) >= 2*time.Second {
			slow.Add(1)
		}
	}
}

// clusterNames asks cluster names for 3 s, 8 at a time.
func clusterNames(t *testing.T, f *upstream.Forward) (r result) {
	t.Helper()
	took := make([][]time.Duration, 8)
	var failed atomic.Int64
	var group sync.WaitGroup
	deadline := time.Now().Add(3 * time.Second)
	for i := range took {
		group.Go(func() {
			q := query(t, fmt.Sprintf("service-%d.namespace.svc.cluster.local", i), wire.A)
			for began := time.Now(); began.Before(deadline); began = time.Now() {
				m, err := f.Exchange(t.Context(), nil, q, nil, upstream.Cluster)
				if err != nil || wire.Message(m).Rcode() != wire.NoError {
					failed.Add(1)
				}
				took[i] = append(took[i], time.Since(began))
				time.Sleep(time.Millisecond) // 8,000 queries a second leave the machine idle
			}
		})
	}
	group.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	return result{all[len(all)*99/100], failed.Load()}
}

func query(t *testing.T, name string, rrtype wire.Type) *wire.Query {
	t.Helper()
	return &wire.Query{ID: 1, RD: true, Name: testkit.Name(t, name), Type: rrtype, Class: wire.IN}
}

// countConnections checks until ctx ends that none of the servers has more than 4 of our connections.
func countConnections(ctx context.Context, t *testing.T, servers []netip.AddrPort) {
	for ctx.Err() == nil {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			t.Error(err)
			return
		}
		for _, addr := range servers {
			// The second address is the server's, and 01 is ESTABLISHED; see proc(5).
			if n := strings.Count(string(table), fmt.Sprintf(" 0100007F:%04X 01 ", addr.Port())); n > upstream.DefaultMaxConns {
				t.Errorf("%d connections to %v", n, addr)
			}
		}
		time.Sleep(50 * time.Millisecond) // between two looks
	}
}
