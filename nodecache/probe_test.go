package nodecache

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestProber asks what answers probes, inside one process. How two processes are told apart is
// tested with whole programs, as the socket's name is made of a namespace.
func TestProber(t *testing.T) {
	addr := &net.UnixAddr{Net: "unix", Name: "@neardns-test-" + rand.Text()}
	p, err := newProber(addr, func(ctx context.Context, question string) (string, error) {
		switch question {
		case "live":
			return "", nil
		case "flush a.":
			return "3 answers", nil
		case "slow":
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "", errors.New("not " + question)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newProber(addr, nil); err == nil {
		t.Error("two have the socket")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.run(ctx); close(done) }()
	for question, want := range map[string]string{"live": "", "flush a.": "3 answers", "ready": "not ready", "slow": "context deadline exceeded"} {
		began := time.Now()
		got, err := probe(t.Context(), addr, question)
		if err != nil {
			got = err.Error()
		}
		if got != want || time.Since(began) > probeTime+time.Second {
			t.Errorf("%s: %q after %v, expected %q", question, got, time.Since(began), want)
		}
	}
	cancel()
	<-done
	if _, err := probe(t.Context(), addr, "live"); err == nil || !strings.HasPrefix(err.Error(), "no nodecache runs in this PID namespace: ") {
		t.Errorf("without one: %v", err)
	}
}
