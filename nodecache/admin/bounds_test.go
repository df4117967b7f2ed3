package admin

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const request = "GET / HTTP/1.1\r\nHost: node\r\n\r\n"

// serving serves OK at an address until the test ends.
func serving(t *testing.T) (s *Servers, addr string) {
	t.Helper()
	s, p := new(Servers), Pages{}
	addr = freeAddr(t)
	p.Add(addr, "/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "OK")
	}))
	set(t, s, p)
	t.Cleanup(s.Close)
	return s, addr
}

// from connects from an address of loopback.
func from(t *testing.T, client, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answered reports whether a request on c gets its answer.
func answered(c net.Conn) bool {
	c.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(c, request)
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	return err == nil && strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200 OK")
}

// open returns how many connections a client has.
func (b *bounds) count(client string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.open {
		if client == "" || c.from.String() == client {
			n++
		}
	}
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestClientConns has one client open more connections than it may, which ask nothing. Another
// is served at once, and the one itself once its own have asked nothing for a while.
func TestClientConns(t *testing.T) {
	s, addr := serving(t)
	for range 3 * ClientConns {
		from(t, "127.0.0.2", addr)
	}
	eventually(t, "the others were refused", func() bool { return s.Dropped() == 2*ClientConns })
	if n := s.bounds.count("127.0.0.2"); n != ClientConns {
		t.Errorf("%d connections are open", n)
	}
	if !answered(from(t, "127.0.0.3", addr)) {
		t.Error("another client is not answered")
	}
	time.Sleep(settled)
	if !answered(from(t, "127.0.0.2", addr)) || s.bounds.count("127.0.0.2") != ClientConns {
		t.Error("the client itself is not answered")
	}
}

// TestConns has clients take all connections. Who has none, or fewer, takes from those that have
// most; and of those that have as many, one that rests goes.
func TestConns(t *testing.T) {
	s, addr := serving(t)
	for i := range Conns / ClientConns {
		for range ClientConns {
			from(t, "127.0.1."+string(rune('1'+i)), addr)
		}
	}
	eventually(t, "all connections are taken", func() bool { return s.bounds.count("") == Conns })
	for range 4 {
		if !answered(from(t, "127.0.0.4", addr)) {
			t.Error("a client that has few is not answered")
		}
	}
	if n := s.bounds.count("127.0.0.4"); n != 4 || s.bounds.count("") != Conns {
		t.Errorf("it has %d of %d", n, s.bounds.count(""))
	}
}

// TestEqualClients has as many clients as connections. A new one gets the place of one that
// rests.
func TestEqualClients(t *testing.T) {
	s, addr := serving(t)
	for i := range Conns {
		c := from(t, "127.0.2."+[]string{"1", "2", "3", "4"}[i/10]+string(rune('0'+i%10)), addr)
		if !answered(c) {
			t.Fatalf("client %d is not answered", i)
		}
	}
	eventually(t, "all rest", func() bool {
		s.bounds.mu.Lock()
		defer s.bounds.mu.Unlock()
		return s.bounds.open[len(s.bounds.open)-1].rests
	})
	if !answered(from(t, "127.0.0.5", addr)) || s.bounds.count("127.0.2.10") != 0 || s.bounds.count("") != Conns {
		t.Error("the one that has rested longest has not gone")
	}
}

// TestQuietClient keeps the one connection of a client that rests, while others, who have more
// each, open one after the other.
func TestQuietClient(t *testing.T) {
	s, addr := serving(t)
	quietOne := from(t, "127.0.0.9", addr)
	if !answered(quietOne) {
		t.Fatal("not answered")
	}
	for i := range 3 * Conns {
		if c := from(t, "127.0.3."+string(rune('1'+i%9)), addr); i%2 == 0 {
			answered(c)
		}
	}
	eventually(t, "many were dropped", func() bool { return s.Dropped() >= Conns })
	if !answered(quietOne) {
		t.Error("it was closed for one of a client that has more")
	}
}

// TestSlow ends those who take their time with a header, or with a body.
func TestSlow(t *testing.T) {
	t.Parallel()
	_, addr := serving(t)
	var conns []net.Conn
	starts := []string{"", "GET / HT", "POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 100000\r\n\r\nx"}
	for _, start := range starts {
		conns = append(conns, from(t, "127.0.0.6", addr))
		io.WriteString(conns[len(conns)-1], start)
	}
	for i, c := range conns {
		c.SetDeadline(time.Now().Add(30 * time.Second))
		if text, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "i/o timeout") || strings.Contains(string(text), "200 OK") {
			t.Errorf("%q: %q, %v", starts[i], text, err)
		}
	}
}

// TestHeader refuses long headers.
func TestHeader(t *testing.T) {
	_, addr := serving(t)
	c := from(t, "127.0.0.7", addr)
	c.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: node\r\nX: "+strings.Repeat("x", 3*headerBytes))
	buf := make([]byte, 64)
	if n, err := c.Read(buf); err == nil && !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 431") {
		t.Errorf("%q", buf[:n])
	}
}

// TestPause keeps a client that asks as fast as it can to askPause.
func TestPause(t *testing.T) {
	_, addr := serving(t)
	c := from(t, "127.0.0.8", addr)
	began := time.Now()
	for range 21 {
		if !answered(c) {
			t.Fatal("not answered")
		}
	}
	if took := time.Since(began); took < 20*askPause {
		t.Errorf("21 requests took %v", took)
	}
}
