package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// parts answers a query with parts that make builds until it returns nil, and then with "end". Queries
// "now" it answers at once.
type parts struct {
	make    func(query string, n int) []byte
	sent    atomic.Int64 // bytes
	errs    chan error   // one for each query: nil, or what Part returned
	workers sync.WaitGroup
}

func (p *parts) handle(dst, query []byte, c *Client) []byte {
	if string(query) == "now" {
		return append(dst, query...)
	}
	later, asked := c.Later(), string(query)
	p.workers.Go(func() {
		var err error
		for n := 0; err == nil; n++ {
			part := p.make(asked, n)
			if part == nil {
				break
			}
			if err = later.Part(part); err == nil {
				p.sent.Add(int64(len(part)))
			}
		}
		later.Send([]byte("end"))
		p.errs <- err
	})
	return nil
}

func startParts(t *testing.T, cfg Config, build func(query string, n int) []byte) (*parts, *running, net.Conn) {
	t.Helper()
	p := &parts{make: build, errs: make(chan error, 100)}
	t.Cleanup(p.workers.Wait) // after the front has left
	r := start(t, cfg, p.handle, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	c.(*net.TCPConn).SetReadBuffer(64 << 10)
	return p, r, c
}

const partSize = 64000

// numbered is part n of count.
func numbered(count int) func(string, int) []byte {
	return func(_ string, n int) []byte {
		if n == count {
			return nil
		}
		return binary.BigEndian.AppendUint32(make([]byte, partSize-4, partSize), uint32(n))
	}
}

// TestPartSlowReader sends 20 MB to a client that reads slowly. All parts come, in order, and few are
// kept for it.
func TestPartSlowReader(t *testing.T) {
	const count = 20 << 20 / partSize
	p, r, c := startParts(t, Config{}, numbered(count))
	c.Write(frame("transfer"))
	testkit.Eventually(t, "first part", func() bool { return p.sent.Load() > 0 })
	for n := range count {
		// What the kernel keeps for both sides, and one part here.
		if ahead := int(p.sent.Load()) - n*partSize; ahead > 8*(streamOut+64<<10) || r.buffered() > partSize+headerLen {
			t.Fatalf("%d bytes sent before part %d was read, %d kept", ahead, n, r.buffered())
		}
		got := mustReadFrame(t, c)
		if len(got) != partSize || binary.BigEndian.Uint32([]byte(got[partSize-4:])) != uint32(n) {
			t.Fatalf("part %d: %d bytes, ending in %x", n, len(got), got[len(got)-4:])
		}
		if n%50 == 0 {
			time.Sleep(20 * time.Millisecond) // so slow is the reader
		}
	}
	if got := mustReadFrame(t, c); got != "end" {
		t.Errorf("last message %q", got)
	}
	if err := <-p.errs; err != nil {
		t.Error(err)
	}
	if s := r.counts().TCP; s.Waiting != 0 || s.Expired != 0 || r.buffered() != 0 {
		t.Errorf("%+v, %d bytes kept", s, r.buffered())
	}
}

// TestPartStopped sends to a client that stops reading. It is closed after Limits.Write, and not
// after the other times.
func TestPartStopped(t *testing.T) {
	const write = 500 * time.Millisecond
	cfg := Config{TCP: Limits{Write: write, Read: time.Hour, Idle: time.Hour}}
	p, r, c := startParts(t, cfg, numbered(1<<20))
	begin := time.Now()
	c.Write(frame("transfer"))
	if err := <-p.errs; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begin); d < write {
		t.Errorf("closed after %v", d)
	}
	testkit.Eventually(t, "closed", func() bool {
		s := r.counts().TCP
		return s.Open == 0 && s.Expired == 1 && s.Waiting == 0 && r.buffered() == 0
	})
}

// TestPartGone has the client reset the connection while parts go out, and while one waits.
func TestPartGone(t *testing.T) {
	p, r, c := startParts(t, Config{}, numbered(1<<20))
	c.Write(frame("transfer"))
	testkit.Eventually(t, "a part that waits", func() bool { return r.buffered() > 0 })
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	if err := <-p.errs; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
	testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && s.Waiting == 0 && r.buffered() == 0 })
}

// TestPartInterleaved sends parts for several queries of one connection. Each comes whole and in the
// order of its query, and another query need not wait for them.
func TestPartInterleaved(t *testing.T) {
	const queries, count = 4, 200
	_, _, c := startParts(t, Config{}, func(query string, n int) []byte {
		if n == count {
			return nil
		}
		return fmt.Appendf(nil, "%s %d %s", query, n, strings.Repeat(query, 1+n*150))
	})
	for q := range queries {
		c.Write(frame(string(rune('a' + q))))
	}
	next := map[string]int{}
	ended, now, mixed := 0, -1, 0
	last := ""
	for read := 0; ended < queries || now < 0; read++ {
		if read == 10 {
			c.Write(frame("now"))
		}
		got := mustReadFrame(t, c)
		switch got {
		case "end":
			ended++
			continue
		case "now":
			now = ended
			continue
		}
		q := got[:1]
		if want := fmt.Sprintf("%s %d %s", q, next[q], strings.Repeat(q, 1+next[q]*150)); got != want {
			t.Fatalf("after part %d of %s: %.20q of %d bytes", next[q], q, got, len(got))
		}
		next[q]++
		if q != last {
			mixed++
		}
		last = q
	}
	if now == queries {
		t.Error("the last query was answered after all others")
	}
	if mixed <= queries {
		t.Error("the parts came one query after another")
	}
}

// TestPartLeave leaves while parts go out. They come all the same; those that never end don't keep
// the front from leaving.
func TestPartLeave(t *testing.T) {
	const count = 200
	p, r, c := startParts(t, Config{Drain: testkit.Patience}, numbered(count))
	c.Write(frame("transfer"))
	testkit.Eventually(t, "a part that waits", func() bool { return r.buffered() > 0 })
	r.cancel()
	all, err := io.ReadAll(c)
	if want := count*(headerLen+partSize) + headerLen + len("end"); err != nil || len(all) != want || !bytes.HasSuffix(all, []byte("end")) {
		t.Errorf("%d bytes, want %d; %v", len(all), want, err)
	}
	c.Close()
	if err := errors.Join(r.stop(), <-p.errs); err != nil {
		t.Error(err)
	}

	p, r, c = startParts(t, Config{Drain: 300 * time.Millisecond}, numbered(1<<30))
	go io.Copy(io.Discard, c)
	c.Write(frame("transfer"))
	testkit.Eventually(t, "parts", func() bool { return p.sent.Load() > 0 })
	_ = r.stop() // an error, unless the sender learns first that its connection is closed, and gives up
	if err := <-p.errs; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// TestPartRefused refuses what does not fit into a frame, and whatever comes after Send. What fits
// goes out all the same.
func TestPartRefused(t *testing.T) {
	var h holder
	r := start(t, Config{}, h.handle, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	c.Write(frame("query"))
	later := h.take(t, 1)[0]
	if err := later.Part(make([]byte, 65536)); err == nil {
		t.Error("no error for a message that is too long")
	}
	if err := later.Part([]byte("one")); err != nil {
		t.Error(err)
	}
	later.Send(nil)
	if err := later.Part([]byte("two")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Send: %v", err)
	}
	c.(*net.TCPConn).CloseWrite()
	if all, err := io.ReadAll(c); err != nil || !bytes.Equal(all, frame("one")) {
		t.Errorf("%q, %v", all, err)
	}
}

// TestPartUDP sends each part as a datagram.
func TestPartUDP(t *testing.T) {
	var h holder
	r := start(t, Config{}, h.handle, "127.0.0.1:0")
	c := dial(t, "udp", r.Addrs()[0])
	c.Write([]byte("query"))
	later := h.take(t, 1)[0]
	for _, part := range []string{"one", "two"} {
		if err := later.Part([]byte(part)); err != nil {
			t.Error(err)
		}
	}
	if err := later.Part(make([]byte, 70000)); err == nil {
		t.Error("no error for a datagram that is too long")
	}
	later.Send([]byte("end"))
	if err := later.Part([]byte("more")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Send: %v", err)
	}
	for _, want := range []string{"one", "two", "end"} {
		buf := make([]byte, 512)
		if n, err := c.Read(buf); string(buf[:n]) != want {
			t.Errorf("%q, want %q; %v", buf[:n], want, err)
		}
	}
}
