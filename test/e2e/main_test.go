// Package e2e asks a whole CoreDNS, with dig, what it makes of a real API server: objects
// come, change and go; the server dies and comes back; rights are missing.
//
//	test --client-go--> kube-apiserver <--watch-- coredns <--dig-- test
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/nodecache/run"
)

// startTimeout is how long both clusters may take to start on a busy machine.
const startTimeout = 4 * time.Minute

// All tests share these.
var (
	coredns   string           // path of the program
	streaming *cluster.Cluster // its API server streams lists, and has ServiceImports
	paging    *cluster.Cluster // its API server does neither; see TestNotDefined
)

func TestMain(m *testing.M) { os.Exit(inClusters(m)) }

// inClusters runs the tests once both clusters are there.
func inClusters(m *testing.M) int {
	dir, err := os.MkdirTemp("", "neardns-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	stop, err := start(dir)
	defer stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// start builds what is needed and starts both clusters. The function it returns stops
// what was started, after an error too.
func start(dir string) (stop func(), err error) {
	var started []*cluster.Cluster
	stop = func() {
		for _, c := range started {
			c.Stop()
		}
	}
	if err := run.NeedDig(); err != nil {
		return stop, err
	}
	if coredns, err = run.Build(context.Background(), run.OurCoreDNS); err != nil {
		return stop, err
	}
	control, err := cluster.Build(context.Background())
	if err != nil {
		return stop, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for name, c := range map[string]**cluster.Cluster{"streaming": &streaming, "paging": &paging} {
		opts := cluster.Options{Binary: control, AuditLog: true, NoWatchList: name == "paging"}
		if *c, err = cluster.Start(ctx, filepath.Join(dir, name), opts); err != nil {
			return stop, fmt.Errorf("%s cluster: %w", name, err)
		}
		started = append(started, *c)
		if err = (*c).CreateNode(ctx, node, "zone"); err != nil {
			return stop, err
		}
	}
	return stop, streaming.InstallMCS(ctx)
}

// showLogs prints the ends of a cluster's logs if the test fails.
func showLogs(t *testing.T, c *cluster.Cluster) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%s", c.Tail(cluster.APIServer), c.Tail(cluster.Controllers))
		}
	})
}
