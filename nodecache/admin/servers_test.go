package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
}

func ask(t *testing.T, addr, path string) string {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + addr + path)
	if err != nil {
		return "refused"
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	return r.Status[:3] + " " + strings.TrimSpace(string(text))
}

// freeAddr returns an address that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func set(t *testing.T, s *Servers, p Pages) {
	t.Helper()
	c, err := s.Open(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
}

func TestChange(t *testing.T) {
	var s, second Servers
	defer s.Close()
	defer second.Close()
	one, two := freeAddr(t), freeAddr(t)
	p := Pages{}
	p.Add(one, "/health", says("OK"))
	p.Add(one, "/health", says("never"))
	p.Add(one, "/metrics", says("1"))
	set(t, &s, p)
	if got := ask(t, one, "/health") + ask(t, one, "/metrics") + ask(t, one, "/"); got != "200 OK200 1404 404 page not found" {
		t.Error(got)
	}
	p = Pages{}
	p.Add(one, "/health", says("better"))
	p.Add(two, "/ready", says("yes"))
	set(t, &s, p)
	if got := ask(t, one, "/health") + ask(t, two, "/ready"); got != "200 better200 yes" {
		t.Error(got)
	}
	p = Pages{}
	p.Add(two, "/ready", says("still"))
	set(t, &s, p)
	if got := ask(t, one, "/health") + ask(t, two, "/ready"); got != "refused200 still" {
		t.Error(got)
	}
	set(t, &second, p) // a second process shares the port
}

func TestOpenAllOrNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := freeAddr(t)
	p := Pages{}
	p.Add(free, "/", says(""))
	p.Add(taken.Addr().String(), "/", says(""))
	var s Servers
	if _, err := s.Open(context.Background(), p); err == nil || !strings.Contains(err.Error(), "address already in use: a process that does not share it") {
		t.Error(err)
	}
	l, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal("left open:", err)
	}
	l.Close()
}

// TestCloseHandsOver has clients ask all the time while servers take turns on one port. No request
// is lost.
func TestCloseHandsOver(t *testing.T) {
	p, addr := Pages{}, freeAddr(t)
	p.Add(addr, "/", says("OK"))
	first := new(Servers)
	set(t, first, p)
	var clients sync.WaitGroup
	var done atomic.Bool
	var asked [clientConns / 2]atomic.Int64
	for i := range asked {
		clients.Go(func() {
			for !done.Load() {
				if got := ask(t, addr, "/"); got != "200 OK" {
					t.Error(got)
				}
				asked[i].Add(1)
			}
		})
	}
	for range 3 {
		next := new(Servers)
		set(t, next, p)
		first.Close()
		first = next
		for i := range asked { // also a client that was turned away is back
			before := asked[i].Load()
			testkit.Eventually(t, "requests", func() bool { return asked[i].Load() >= before+2 })
		}
	}
	done.Store(true)
	clients.Wait()
	first.Close()
}

// TestCloseLate answers a client that was connected when Close was called, and asks a while later.
func TestCloseLate(t *testing.T) {
	var s Servers
	p, addr := Pages{}, freeAddr(t)
	p.Add(addr, "/", says("OK"))
	set(t, &s, p)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	time.Sleep(quiet + drain/2) // the promise itself: so long an open connection may take
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: node\r\n\r\n")
	text, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200 OK") {
		t.Errorf("%q, %v", text, err)
	}
	<-closed
}

// TestCloseIdle does not wait for a connection that has got its answer. It waits for one that has
// asked nothing, but not for ever.
func TestCloseIdle(t *testing.T) {
	if took := closeIdle(t, ""); took > testkit.Patience {
		t.Errorf("without a request it took %v", took)
	}
	var took time.Duration
	for range 5 { // a busy machine may take as long by itself
		if took = closeIdle(t, request); took < quiet+drain {
			return
		}
	}
	t.Errorf("after a request it took %v", took)
}

// closeIdle returns how long Close takes with one open connection, which has sent a request or none.
func closeIdle(t *testing.T, request string) time.Duration {
	s, addr := serving(t)
	c := from(t, "127.0.0.1", addr)
	io.WriteString(c, request)
	testkit.Eventually(t, "a connection", func() bool { return s.bounds.count("") == 1 && (request == "" || s.bounds.lastRests()) })
	began := time.Now()
	s.Close()
	return time.Since(began)
}
