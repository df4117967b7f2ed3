package kubernetes

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	_ "github.com/coredns/coredns/plugin/bind"
)

// idle is a source that is never synced.
type idle struct{ running atomic.Int32 }

func (s *idle) Run(ctx context.Context) {
	s.running.Add(1)
	<-ctx.Done()
	s.running.Add(-1)
}

func (s *idle) Synced() bool { return false }

// TestStartTimeout starts a server whose records do not come.
func TestStartTimeout(t *testing.T) {
	s := &idle{}
	r := newRunner(20 * time.Millisecond)
	if err := r.start(s); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil || s.running.Load() != 0 {
		t.Errorf("%v, %d running", err, s.running.Load())
	}
}

// TestFailedRestart reloads a Corefile whose new port is taken: the old instance serves
// on, and the new one's source does not outlive the attempt.
func TestFailedRestart(t *testing.T) {
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
	defer first.ShutdownCallbacks()
	defer first.Stop()
	before := len(live.all)
	if _, err := first.Restart(input(block(0) + block(taken.Addr().(*net.TCPAddr).Port))); err == nil {
		t.Fatal("restarted on a taken port")
	}
	if len(live.all) != before {
		t.Errorf("%d sources run, %d before", len(live.all), before)
	}
}
