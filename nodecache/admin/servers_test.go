package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

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
	if _, err := s.Open(context.Background(), p); err == nil || !strings.Contains(err.Error(), "address already in use: stop what holds the port") {
		t.Error(err)
	}
	l, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal("left open:", err)
	}
	l.Close()
}
