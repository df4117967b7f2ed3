// Command bench measures neardns beside what it replaces, in one run: `make bench`. The express lane
// and then the plugin come first, on one real API server, then the node cache. Figures depend on
// the machine; ratios carry over. With arguments (express, cluster, node) it measures those parts only.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/neardns/neardns/test/bench/express"
	"github.com/neardns/neardns/test/bench/node"
	"github.com/neardns/neardns/test/bench/services"
	"github.com/neardns/neardns/test/cluster"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	dir, err := os.MkdirTemp("", "neardns-bench-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = bench(ctx, dir, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// parts are what can be measured.
var parts = []string{"express", "cluster", "node"}

// bench measures the parts that are named, or all if none is.
func bench(ctx context.Context, dir string, named []string) error {
	for _, part := range named {
		if !slices.Contains(parts, part) {
			return fmt.Errorf("%q is none of %s", part, strings.Join(parts, ", "))
		}
	}
	wanted := func(part string) bool { return len(named) == 0 || slices.Contains(named, part) }
	say("building")
	if err := build(ctx, dir); err != nil {
		return err
	}
	if wanted("express") || wanted("cluster") {
		if err := onCluster(ctx, dir, wanted("express"), wanted("cluster")); err != nil {
			return err
		}
	}
	if !wanted("node") {
		return nil
	}
	return node.Measure(ctx, dir, node.Programs{
		NodeCache: nodeCache(dir),
		Echo:      echo(dir),
		CoreDNS:   contenders[0].binary(dir, "server"),
		Stock:     contenders[1].binary(dir, "server"),
	})
}

// onCluster measures the parts that need an API server, all on one. The cluster part comes last,
// because it changes the cluster.
func onCluster(ctx context.Context, dir string, lane, plugins bool) error {
	say("starting an API server")
	c, err := cluster.Start(ctx, dir, cluster.Options{})
	if err != nil {
		return err
	}
	defer c.Stop()
	say("creating 6,000 Services with 100,000 endpoints")
	if err := services.Load(ctx, c.Client()); err != nil {
		return err
	}
	if lane {
		if err := measureExpress(ctx, dir, c); err != nil {
			return err
		}
	}
	if plugins {
		return measureCluster(ctx, dir, c)
	}
	return nil
}

func measureExpress(ctx context.Context, dir string, c *cluster.Cluster) error {
	access, err := access(dir, c)
	if err != nil {
		return err
	}
	return express.Measure(ctx, dir, express.Programs{
		CoreDNS:   contenders[0].binary(dir, "server"),
		Stock:     contenders[1].binary(dir, "server"),
		NodeCache: nodeCache(dir),
		Echo:      echo(dir),
	}, express.API{Client: c.Client(), Access: access})
}

func measureCluster(ctx context.Context, dir string, c *cluster.Cluster) error {
	t := new(table)
	if err := measureMemory(ctx, t, dir, c); err != nil {
		return err
	}
	if err := measurePlugins(ctx, t, dir, c); err != nil {
		return err
	}
	if err := measureResync(ctx, t, c); err != nil {
		return err
	}
	measureUpdate(t)
	say("changing slices")
	if err := measureLatency(ctx, t, dir, c); err != nil {
		return err
	}
	say("keeping records")
	return measureKeep(ctx, t, dir, c)
}

func measurePlugins(ctx context.Context, t *table, dir string, c *cluster.Cluster) error {
	var meters [2]*running
	for i, who := range contenders {
		p, err := startMeter(ctx, dir, who, c)
		if err != nil {
			return err
		}
		defer p.stop()
		meters[i] = p
	}
	t.add(row{what: "heap added by the records, MB", ours: meters[0].heap, stock: meters[1].heap, most: 0.25})
	if err := createBig(ctx, c.Client()); err != nil {
		return err
	}
	time.Sleep(3 * time.Second) // until both have it
	return measureQuestions(t, meters)
}

// say reports progress; it does not go into the table.
func say(what string) { fmt.Fprintln(os.Stderr, "bench:", what) }
