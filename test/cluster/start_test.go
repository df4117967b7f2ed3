package cluster_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/neardns/neardns/test/cluster"
)

// TestNoWatchList shows that an informer falls back to a list where streaming is off.
func TestNoWatchList(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{AuditLog: true, NoWatchList: true})
	config, err := c.ConfigFor(reader, "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(config), 0)
	factory.Core().V1().Services().Informer()
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())

	requests, err := c.Audit(reader)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(requests, func(r cluster.Request) bool { return r.Verb == "list" }) {
		t.Errorf("no list in the audit log: %+v", requests)
	}
}

// TestStartFails shows that Start does not wait for an API server that has ended, and that its
// error says why.
func TestStartFails(t *testing.T) {
	bin, err := cluster.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := cluster.Start(ctx, t.TempDir(), cluster.Options{
		Binary:        bin,
		APIServerArgs: []string{"--no-such-flag"},
	})
	if err == nil {
		c.Stop()
		t.Fatal("started with a flag that does not exist")
	}
	if !strings.Contains(err.Error(), "unknown flag") {
		t.Errorf("error does not show the log: %v", err)
	}
}
