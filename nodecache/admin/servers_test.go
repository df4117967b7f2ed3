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

// TestCloseHandsOver has clients ask all the time while servers take turns on one port. None of
// them is lost.
func TestCloseHandsOver(t *testing.T) {
	p, addr := Pages{}, freeAddr(t)
	p.Add(addr, "/", says("OK"))
	first := new(Servers)
	set(t, first, p)
	var clients sync.WaitGroup
	var done atomic.Bool
	for range ClientConns / 2 {
		clients.Go(func() {
			for !done.Load() {
				if got := ask(t, addr, "/"); got != "200 OK" {
					t.Error(got)
				}
			}
		})
	}
	for range 3 {
		next := new(Servers)
		set(t, next, p)
		first.Close()
		first = next
		time.Sleep(1200 * time.Millisecond) // those who were turned away are back
	}
	done.Store(true)
	clients.Wait()
	first.Close()
}

// TestCloseLate answers who was connected when Close was called, and asks a good while later.
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
	time.Sleep(quiet + drain/2)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: node\r\n\r\n")
	text, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200 OK") {
		t.Errorf("%q, %v", text, err)
	}
	<-closed
}

// TestCloseIdle waits for no one who is connected and asks nothing, or not for long.
func TestCloseIdle(t *testing.T) {
	for _, tt := range []struct {
		request string
		most    time.Duration
	}{{"GET / HTTP/1.1\r\nHost: node\r\n\r\n", quiet + drain/2}, {"", quiet + 2*drain}} {
		var s Servers
		p, addr := Pages{}, freeAddr(t)
		p.Add(addr, "/", says("OK"))
		set(t, &s, p)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, tt.request)
		c.Read(make([]byte, min(len(tt.request), 1)))
		time.Sleep(quiet) // for the connection to be idle
		began := time.Now()
		s.Close()
		if took := time.Since(began); took > tt.most {
			t.Errorf("%q: it took %v", tt.request, took)
		}
	}
}
