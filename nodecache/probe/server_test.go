package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checkup is a Checkup that returns what the function does.
type checkup func(context.Context) error

func (c checkup) Result(ctx context.Context) error { return c(ctx) }
func (checkup) Close()                             {}

// flusher is a Flusher that forgets as many answers as a name has bytes.
type flusher struct{}

func (flusher) Flush(name wire.Name) int { return len(name) }

// serve serves a Status at a socket of its own until stop is called.
func serve(t *testing.T, s *Status) (addr *net.UnixAddr, stop func()) {
	t.Helper()
	addr = &net.UnixAddr{Net: "unix", Name: "@neardns-test-" + rand.Text()}
	server, err := listen(addr, s, flusher{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { server.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return addr, stop
}

// said returns what a process says to a question.
func said(t *testing.T, addr *net.UnixAddr, question string) string {
	t.Helper()
	got, err := ask(t.Context(), addr, question)
	if err != nil {
		return err.Error()
	}
	return got
}

// TestServer asks all questions inside one process. The socket's name is made of a namespace, so the
// tests of whole programs show that two processes are told apart.
func TestServer(t *testing.T) {
	s := NewStatus(checkup(func(context.Context) error { return nil }))
	addr, stop := serve(t, s)
	if _, err := listen(addr, s, flusher{}, nil); err == nil {
		t.Error("two have the socket")
	}
	for question, want := range map[string]string{
		"live": "", "ready": "", "flush a.": "answers forgotten: 3", "nosuch": `unknown probe "nosuch", expected live or ready`,
	} {
		if got := said(t, addr, question); got != want {
			t.Errorf("%s: %q, expected %q", question, got, want)
		}
	}
	s.Leave()
	for question, want := range map[string]string{"live": "", "ready": "stopping"} {
		if got := said(t, addr, question); got != want {
			t.Errorf("%s while it leaves: %q, expected %q", question, got, want)
		}
	}
	stop()
	if got := said(t, addr, "live"); !strings.HasPrefix(got, "no nodecache runs in this PID namespace: ") {
		t.Errorf("without a process: %s", got)
	}
}

// TestServerSlow asks a process whose check takes all the time there is. The server's limit is what
// ends it.
func TestServerSlow(t *testing.T) {
	addr, _ := serve(t, NewStatus(checkup(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })))
	if got := said(t, addr, "live"); got != "context deadline exceeded" {
		t.Error(got)
	}
}

// TestPages asks /health and /ready of a process that answers, then does not, and then leaves.
func TestPages(t *testing.T) {
	var deaf error
	s := NewStatus(checkup(func(context.Context) error { return deaf }))
	failed := 0
	pages := map[string]http.Handler{
		"health": s.Health(func(err error, _ time.Duration) {
			if err != nil {
				failed++
			}
		}),
		"ready": s.ReadyPage(false), "ready continuously": s.ReadyPage(true), "ready first asked while deaf": s.ReadyPage(false),
	}
	get := func(page string) string {
		w := httptest.NewRecorder()
		pages[page].ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return strings.TrimSpace(http.StatusText(w.Code) + " " + w.Body.String())
	}
	const no = "Service Unavailable "
	for _, step := range []struct {
		name   string
		before func()
		want   map[string]string
	}{
		{"it answers", func() {}, map[string]string{"health": "OK OK", "ready": "OK OK", "ready continuously": "OK OK"}},
		{"it does not", func() { deaf = errors.New("deaf") }, map[string]string{
			"health": no + "deaf", "ready": "OK OK", "ready continuously": no + "deaf", "ready first asked while deaf": no + "deaf",
		}},
		{"it leaves", s.Leave, map[string]string{"health": "OK OK", "ready": no + "stopping", "ready continuously": no + "stopping"}},
	} {
		step.before()
		for page, want := range step.want {
			if got := get(page); got != want {
				t.Errorf("%s: %s: %q, expected %q", step.name, page, got, want)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d failures counted", failed)
	}
}
