package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/bench/services"
	"github.com/neardns/neardns/test/cluster"
)

// keepRounds is how many turns each of two servers has.
const keepRounds = 7

// measureKeep adds rows for `snapshot FILE keep`, in which ours is a server that keeps its records in a
// file and the other is the same without. Slices change all the time, so that the file, of 100,000
// endpoints, is written again and again.
func measureKeep(ctx context.Context, t *table, dir string, c *cluster.Cluster) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := filepath.Join(dir, "kept.json")
	var servers [2]*server
	for i, option := range []string{"snapshot " + kept + " keep", ""} {
		s, err := startServer(ctx, dir, contenders[0], c, option)
		if err != nil {
			return err
		}
		defer s.Stop()
		servers[i] = s
	}
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			_ = change(ctx, c.Client(), n) // it fails when all ends
			time.Sleep(500 * time.Millisecond)
		}
	}()
	if err := written(ctx, kept); err != nil {
		return err
	}
	load, err := keepLoad(dir)
	if err != nil {
		return err
	}
	var p99, us [2][]float64
	for range keepRounds {
		for i, s := range servers {
			cost, o, err := load.Cost(ctx, netip.MustParseAddrPort(s.addr), s.Process)
			if err != nil {
				return err
			}
			p99[i], us[i] = append(p99[i], gauge.P99(o.MS)), append(us[i], cost)
		}
	}
	t.add(row{what: "p99 at 5,000 a second with `keep` and, as the second figure, without, ms", ours: gauge.Median(p99[0]), stock: gauge.Median(p99[1]), most: 1.2})
	t.add(row{what: "— CPU us of each, with all that the process does", ours: gauge.Median(us[0]), stock: gauge.Median(us[1])})
	return measureKept(ctx, t, dir, kept, c)
}

// measureKept adds a row for a start while the API server is away.
func measureKept(ctx context.Context, t *table, dir, kept string, c *cluster.Cluster) error {
	var ms []float64
	for range keepRounds {
		began := time.Now()
		s, err := startServer(ctx, dir, contenders[0], c, "endpoint https://127.0.0.1:1\n\t\tsnapshot "+kept+" keep")
		if err != nil {
			return err
		}
		ms = append(ms, milliseconds(time.Since(began)))
		s.Stop()
	}
	t.add(row{what: "start to first answer with the kept file, API server away, ms", ours: gauge.Median(ms)})
	return nil
}

// written waits for a file.
func written(ctx context.Context, file string) error {
	for range 600 {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s was not written", file)
}

// keepLoad asks for ClusterIPs, for long enough to meet a write.
func keepLoad(dir string) (gauge.Load, error) {
	var b strings.Builder
	for i := range services.ClusterIP {
		fmt.Fprintf(&b, "%s.%s.svc.cluster.local. A\n", services.ClusterIPName(i), services.Namespace(i))
	}
	file := filepath.Join(dir, "kept-queries")
	return gauge.Load{File: file, Rate: 5000, Outstanding: 100, Lasts: 15 * time.Second, Timed: true}, os.WriteFile(file, []byte(b.String()), 0o600)
}
