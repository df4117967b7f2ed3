package cluster

import (
	"context"
	"testing"
	"time"
)

// startTimeout is how long a cluster may take to start on a machine that is busy
// with other tests. The build does not count.
const startTimeout = 3 * time.Minute

// ForTest builds and starts a cluster that ends with the test. If the test
// fails, the ends of the cluster's logs are in its output.
func ForTest(t testing.TB, opts Options) *Cluster {
	t.Helper()
	if opts.Binary == "" {
		bin, err := Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		opts.Binary = bin
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	start := time.Now()
	c, err := Start(ctx, t.TempDir(), opts)
	if err != nil {
		t.Fatalf("starting cluster: %v", err)
	}
	t.Logf("cluster ready in %.1fs", time.Since(start).Seconds())
	t.Cleanup(func() {
		c.Stop()
		if t.Failed() {
			t.Logf("%s\n%s\n%s", c.Tail(Etcd), c.Tail(APIServer), c.Tail(Controllers))
		}
	})
	return c
}
