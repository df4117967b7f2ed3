// Command bench measures neardns beside what it replaces, in one run: `make bench`. The plugin
// and its server come first, on one real API server, then the node cache. Figures depend on
// the machine; ratios carry over. With an argument, cluster or node, it measures that part only.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/neardns/neardns/test/bench/node"
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

// bench measures the parts that are named, or all if none is.
func bench(ctx context.Context, dir string, parts []string) error {
	if len(parts) == 0 {
		parts = []string{"cluster", "node"}
	}
	say("building")
	if err := build(ctx, dir); err != nil {
		return err
	}
	for _, part := range parts {
		var err error
		switch part {
		case "cluster":
			err = measureCluster(ctx, dir)
		case "node":
			err = node.Measure(ctx, dir, node.Programs{
				NodeCache: nodeCache(dir),
				Echo:      echo(dir),
				CoreDNS:   contenders[0].binary(dir, "server"),
				Stock:     contenders[1].binary(dir, "server"),
			})
		default:
			err = fmt.Errorf("%q is none of cluster, node", part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func measureCluster(ctx context.Context, dir string) error {
	t := new(table)
	say("starting an API server")
	c, err := cluster.Start(ctx, dir, cluster.Options{})
	if err != nil {
		return err
	}
	defer c.Stop()
	say("creating 6,000 Services with 100,000 endpoints")
	if err := load(ctx, c.Client()); err != nil {
		return err
	}
	if err := measureMemory(ctx, t, dir, c); err != nil {
		return err
	}
	if err := measurePlugins(ctx, t, dir, c); err != nil {
		return err
	}
	measureUpdate(t)
	say("changing slices")
	return measureLatency(ctx, t, dir, c)
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
