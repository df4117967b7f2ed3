// Command start builds and starts a cluster for trying things out by hand. It
// prints the path of a kubeconfig and runs until it is interrupted.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/neardns/neardns/test/cluster"
)

func main() {
	only := flag.Bool("build", false, "build the binary of the control plane and start nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
}

// run builds and, unless only that is wanted, starts a cluster.
func run(ctx context.Context, only bool) error {
	bin, err := cluster.Build(ctx)
	if err != nil || only {
		return err
	}
	dir, err := os.MkdirTemp("", "neardns-cluster-")
	if err != nil {
		return fmt.Errorf("making cluster directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := cluster.Start(ctx, dir, cluster.Options{Binary: bin})
	if err != nil {
		return err
	}
	defer c.Stop()
	fmt.Println(c.Kubeconfig())
	<-ctx.Done()
	return nil
}
