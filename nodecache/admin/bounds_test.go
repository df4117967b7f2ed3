package admin

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
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

// from connects from an address of loopback. It returns a closed connection if the server drops it
// before we learn that it was open.
func from(t *testing.T, client, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	c, err := d.Dial("tcp", addr)
	if errors.Is(err, syscall.ECONNRESET) {
		c, _ := net.Pipe()
		c.Close()
		return c
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answered reports whether a request on c gets its answer.
func answered(c net.Conn) bool {
	c.SetDeadline(time.Now().Add(testkit.Patience))
	io.WriteString(c, request)
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	return err == nil && strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200 OK")
}

// count returns how many connections a client has, or with "" how many there are.
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

// lastRests reports whether the connection whose state has changed last rests.
func (b *bounds) lastRests() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.open)
	return n > 0 && b.open[n-1].rests
}

// TestClientConns has one client open more connections than it may, and ask nothing on them. Another
// client is served at once. The client itself is served after its connections have been quiet for a
// while.
func TestClientConns(t *testing.T) {
	s, addr := serving(t)
	for range 3 * clientConns {
		from(t, "127.0.0.2", addr)
	}
	testkit.Eventually(t, "the others were refused", func() bool { return s.Dropped() == 2*clientConns })
	if n := s.bounds.count("127.0.0.2"); n != clientConns {
		t.Errorf("%d connections are open", n)
	}
	if !answered(from(t, "127.0.0.3", addr)) {
		t.Error("another client is not answered")
	}
	time.Sleep(settled) // the promise itself: only time makes the place free
	if !answered(from(t, "127.0.0.2", addr)) || s.bounds.count("127.0.0.2") != clientConns {
		t.Error("the client itself is not answered")
	}
}

// TestConns has clients take all connections. A client that has none, or fewer, takes from the
// client that has most.
func TestConns(t *testing.T) {
	s, addr := serving(t)
	for i := range conns / clientConns {
		for range clientConns {
			from(t, "127.0.1."+string(rune('1'+i)), addr)
		}
	}
	testkit.Eventually(t, "all connections are taken", func() bool { return s.bounds.count("") == conns })
	for range 4 {
		if !answered(from(t, "127.0.0.4", addr)) {
			t.Error("a client that has few is not answered")
		}
	}
	if n := s.bounds.count("127.0.0.4"); n != 4 || s.bounds.count("") != conns {
		t.Errorf("it has %d of %d", n, s.bounds.count(""))
	}
}

// TestEqualClients has as many clients as connections. A new client gets the place of a connection
// that rests.
func TestEqualClients(t *testing.T) {
	s, addr := serving(t)
	for i := range conns {
		c := from(t, "127.0.2."+[]string{"1", "2", "3", "4"}[i/10]+string(rune('0'+i%10)), addr)
		if !answered(c) {
			t.Fatalf("client %d is not answered", i)
		}
	}
	testkit.Eventually(t, "all rest", s.bounds.lastRests)
	if !answered(from(t, "127.0.0.5", addr)) || s.bounds.count("127.0.2.10") != 0 || s.bounds.count("") != conns {
		t.Error("the one that has rested longest has not gone")
	}
}

// TestQuietClient keeps the only connection of a client, which rests, while others that have more
// open one connection after another.
func TestQuietClient(t *testing.T) {
	s, addr := serving(t)
	quietOne := from(t, "127.0.0.9", addr)
	if !answered(quietOne) {
		t.Fatal("not answered")
	}
	for i := range 3 * conns {
		if c := from(t, "127.0.3."+string(rune('1'+i%9)), addr); i%2 == 0 {
			answered(c)
		}
	}
	testkit.Eventually(t, "many were dropped", func() bool { return s.Dropped() >= conns })
	if !answered(quietOne) {
		t.Error("it was closed for one of a client that has more")
	}
}

// TestSlow closes connections that are slow to send a header, or a body.
func TestSlow(t *testing.T) {
	t.Parallel()
	_, addr := serving(t)
	var slow []net.Conn
	starts := []string{"", "GET / HT", "POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 100000\r\n\r\nx"}
	for _, start := range starts {
		slow = append(slow, from(t, "127.0.0.6", addr))
		io.WriteString(slow[len(slow)-1], start)
	}
	for i, c := range slow {
		c.SetDeadline(time.Now().Add(testkit.Patience))
		if text, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "i/o timeout") || strings.Contains(string(text), "200 OK") {
			t.Errorf("%q: %q, %v", starts[i], text, err)
		}
	}
}

// TestHeader refuses long headers.
func TestHeader(t *testing.T) {
	_, addr := serving(t)
	c := from(t, "127.0.0.7", addr)
	c.SetDeadline(time.Now().Add(testkit.Patience))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: node\r\nX: "+strings.Repeat("x", 3*headerBytes))
	buf := make([]byte, 64)
	if n, err := c.Read(buf); err == nil && !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 431") {
		t.Errorf("%q", buf[:n])
	}
}

// TestPause makes a client that asks as fast as it can wait for askPause.
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
