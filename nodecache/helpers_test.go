package nodecache

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/nodecache/corefile"
)

// notes collects a log.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notes) count(part string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.text.String(), part)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// running is a node cache inside the test.
type running struct {
	*notes
	t        *testing.T
	corefile string // path
	cancel   context.CancelFunc
	done     chan error
	stopped  bool
}

// start runs a node cache with a Corefile, until the test ends at the latest.
func start(t *testing.T, text string) *running {
	t.Helper()
	r := &running{notes: &notes{}, t: t, corefile: filepath.Join(t.TempDir(), "Corefile"), done: make(chan error, 1)}
	r.write(text)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(r.notes, &slog.HandlerOptions{Level: level}))
	c := Config{Corefile: r.corefile, Options: corefile.Options{Port: 53}, Node: "node", Version: "test", Level: level, Log: log}
	go func() { r.done <- Run(ctx, c) }()
	t.Cleanup(func() {
		if !r.stopped {
			_ = r.stop()
		}
		if t.Failed() {
			t.Logf("logged:\n%s", r)
		}
	})
	r.logs("answering")
	return r
}

func (r *running) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.corefile+".new", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(r.corefile+".new", r.corefile); err != nil {
		r.t.Fatal(err)
	}
}

// logs waits for a part of the log.
func (r *running) logs(part string) {
	r.t.Helper()
	testkit.Eventually(r.t, "it logs "+part, func() bool { return r.count(part) > 0 })
}

func (r *running) stop() error {
	r.stopped = true
	r.cancel()
	return <-r.done
}

// fake answers A with 192.0.2.1, after some time, until the test ends.
func fake(t *testing.T, delay time.Duration) netip.AddrPort {
	t.Helper()
	return testkit.Serve(t, testkit.Late(delay, testkit.Address("192.0.2.1", 300))).Addr
}

// ask returns the RCODE and the address of an answer, or why there is none.
func ask(addr, name string) string {
	c := dns.Client{Timeout: testkit.Patience}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), addr)
	if err != nil {
		return err.Error()
	}
	text := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		text += " " + strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	return text
}
