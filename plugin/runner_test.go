package kubernetes

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	_ "github.com/coredns/coredns/plugin/bind"
	"github.com/neardns/neardns/plugin/zone"
)

// idle is a follower that is never synced.
type idle struct{ running atomic.Int32 }

func (s *idle) Run(ctx context.Context) {
	s.running.Add(1)
	<-ctx.Done()
	s.running.Add(-1)
}

func (s *idle) WaitSynced(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestStartTimeout starts a server that gets no records.
func TestStartTimeout(t *testing.T) {
	s := &idle{}
	r := newRunner(20 * time.Millisecond)
	if err := r.start(s, zone.New(zone.Options{})); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil || s.running.Load() != 0 {
		t.Errorf("%v, %d running", err, s.running.Load())
	}
}

// TestRestart reloads a Corefile whose new port is taken: the old instance serves
// on, and the new one's follower does not outlive the attempt. Then it reloads one that is
// good, and ends: each follower runs until another has taken over, or the end.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	records := "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\n"
	if err := os.WriteFile(filepath.Join(dir, "records.yaml"), []byte(records), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	block := func(port int) string {
		return fmt.Sprintf(".:%d {\n bind 127.0.0.1\n kubernetes cluster.local {\n  snapshot records.yaml\n }\n}\n", port)
	}
	input := func(text string) caddy.CaddyfileInput {
		return caddy.CaddyfileInput{Contents: []byte(text), Filepath: filepath.Join(dir, "Corefile"), ServerTypeName: "dns"}
	}
	first, err := caddy.Start(input(block(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Stop()
	before := len(live.all)
	if _, err := first.Restart(input(block(0) + block(taken.Addr().(*net.TCPAddr).Port))); err == nil {
		t.Fatal("restarted on a taken port")
	}
	if len(live.all) != before {
		t.Errorf("%d followers run, %d before", len(live.all), before)
	}
	onShutdown(t, first)
	if len(live.all) != before {
		t.Error("after a restart that failed, a follower ends before the lameduck time")
	}
	old := live.all[len(live.all)-1]
	second, err := first.Restart(input(block(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	if len(live.all) != before || slices.Contains(live.all, old) || len(live.before) != 0 {
		t.Errorf("after a restart: %d followers run, %d before; the old one among them: %v", len(live.all), before, slices.Contains(live.all, old))
	}
	onShutdown(t, second)
	if len(live.all) != before {
		t.Error("a follower ends before the lameduck time")
	}
	second.ShutdownCallbacks()
	if len(live.all) != before-1 || len(live.before) != 0 {
		t.Errorf("after the end: %d followers run", len(live.all))
	}
}

// onShutdown calls what caddy does before the callbacks in which the health plugin waits out
// its lameduck time.
func onShutdown(t *testing.T, i *caddy.Instance) {
	t.Helper()
	for _, fn := range i.OnShutdown {
		if err := fn(); err != nil {
			t.Error(err)
		}
	}
}
