package kube

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/zone"
)

// TestServerAway starts without a server. Later the server dies and comes back.
func TestServerAway(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.world()
	addr := f.Listener.Addr().String()
	f.kill()
	r := run(t, f, nil)
	line := "WARNING cannot reach the Kubernetes API at " + f.URL + ": dial tcp " + addr + ": connect: connection refused"
	testkit.Eventually(t, line, func() bool { return r.log.count(line) == 1 })
	time.Sleep(2 * time.Second) // some attempts, which leave no trace: nothing is to happen
	if r.isSynced() {
		t.Error("synced without a server")
	}
	f.start(t, addr)
	testkit.Eventually(t, "synced", r.isSynced)

	f.kill()
	f.put(pathServices, service("a", "web", "10.0.0.9"))
	time.Sleep(2 * time.Second) // as above
	if r.ip(zone.Local, "a", "web") != "10.0.0.1" {
		t.Error("a record is gone while the server is away")
	}
	f.start(t, addr)
	const patience = 20 * time.Second // client-go's own backoff would take 30 s at least
	testkit.Within(t, patience, "caught up", func() bool { return r.ip(zone.Local, "a", "web") == "10.0.0.9" })
	if n := strings.Count(r.log.String(), "\n"); n > 3 {
		t.Errorf("log of %d lines:\n%v", n+1, r.log)
	}
}

// TestStopWhileAway ends Run while it waits for a server.
func TestStopWhileAway(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.kill()
	r := run(t, f, nil)
	testkit.Eventually(t, "tried", func() bool { return r.log.count("cannot reach") == 1 })
	time.Sleep(longestBackoff) // until the pauses between two attempts, which nobody sees, have grown
	start := time.Now()
	r.stop()
	if d := time.Since(start); d > backoffLimit/2 {
		t.Errorf("stopped after %v, as if it had waited for the next attempt", d)
	}
}

// TestSilence lets a connection die without a word.
func TestSilence(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.world()
	p := newProxy(t, f.Listener.Addr().String())
	r := run(t, f, func(c *Config) { c.Access.Endpoint = "https://" + p.Addr().String() })
	r.wait(t)
	p.silence()
	f.put(pathServices, service("a", "web", "10.0.0.9"))
	start := time.Now()
	const patience = pingAfter + pingTimeout + 20*time.Second // client-go's own pings would take 45 s
	testkit.Within(t, patience, "caught up", func() bool { return r.ip(zone.Local, "a", "web") == "10.0.0.9" })
	t.Logf("caught up after %v\n%v", time.Since(start), r.log)
}

// proxy forwards connections until they are silenced.
type proxy struct {
	net.Listener
	to    string
	mu    sync.Mutex
	conns []*pipe
}

// pipe is one direction of a connection.
type pipe struct {
	net.Conn
	silent chan struct{}
}

// Write implements io.Writer. It drops what a silent pipe is given.
func (p *pipe) Write(b []byte) (int, error) {
	select {
	case <-p.silent:
		return len(b), nil
	default:
		return p.Conn.Write(b)
	}
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	var running sync.WaitGroup
	running.Go(func() { p.serve(&running) })
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p
}

func (p *proxy) serve(running *sync.WaitGroup) {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = client.Close()
			continue
		}
		silent := make(chan struct{})
		a, b := &pipe{client, silent}, &pipe{server, silent}
		p.mu.Lock()
		p.conns = append(p.conns, a, b)
		p.mu.Unlock()
		running.Go(func() { _, _ = io.Copy(a, server) })
		running.Go(func() { _, _ = io.Copy(b, client) })
	}
}

// silence makes all connections drop what they carry from now on.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; i < len(p.conns); i += 2 {
		close(p.conns[i].silent)
	}
}
