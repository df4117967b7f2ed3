package listen

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// TestTCPQueries answers as many queries of a connection as it may ask, at once and late, in one
// segment and in several. Then our side is closed; what the client asks besides gets no answer and
// no reset. Another connection may ask as many.
func TestTCPQueries(t *testing.T) {
	const most = 3
	for name, h := range map[string]Handler{"now": echo, "late": delayed(50 * time.Millisecond)} {
		t.Run(name, func(t *testing.T) {
			var asked counter
			r := start(t, Config{TCP: Limits{Queries: most}}, asked.of(h), "127.0.0.1:0")
			for _, together := range []bool{true, false} {
				c := dial(t, "tcp", r.Addrs()[0])
				var queries []byte
				for i := range most {
					q := frame(strconv.Itoa(i))
					queries = append(queries, q...)
					if !together {
						c.Write(q)
						if got := mustReadFrame(t, c); got != strconv.Itoa(i) {
							t.Errorf("answer %q", got)
						}
					}
				}
				want := []byte(nil)
				if together {
					want = queries
					c.Write(append(append([]byte(nil), queries...), frame("more")...))
				}
				all, err := io.ReadAll(c)
				if len(all) != len(want) || err != nil { // late ones may come in another order
					t.Errorf("%q, want %q; %v", all, want, err)
				}
				c.Write(bytes.Repeat(frame("more"), 100))
				c.Close()
			}
			testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && s.Expired == 0 && s.Malformed == 0 })
			if n := asked.tcp.Load(); n != 2*most {
				t.Errorf("%d queries answered, want %d", n, 2*most)
			}
		})
	}
}

// TestTCPWriteOwed closes a connection whose client takes no answers, although one is still to come.
// The other times don't matter to it, and nor does what the client asks.
func TestTCPWriteOwed(t *testing.T) {
	const count, pipeline = 100, 1 << 20
	var h holder
	r := start(t, Config{TCP: Limits{Pipeline: pipeline, Write: 500 * time.Millisecond, Read: time.Hour, Idle: time.Hour}}, h.handle, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	c.(*net.TCPConn).SetReadBuffer(64 << 10)
	for range count {
		c.Write(frame("query"))
	}
	held := h.take(t, count)
	next := 0
	testkit.Eventually(t, "answers that wait", func() bool { // fewer than keep the client from asking more
		if r.buffered() < 30000 {
			held[next].Send(make([]byte, 30000))
			next++
			return false
		}
		time.Sleep(50 * time.Millisecond) // the kernel may take more
		return r.buffered() >= 30000
	})
	go func() { // until it is closed
		for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
			_, err = c.Write(frame("query"))
		}
	}()
	testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && s.Expired == 1 })
	for _, later := range h.take(t, count)[next:] {
		later.Send(nil)
	}
	testkit.Eventually(t, "all answered", func() bool { return r.counts().TCP.Waiting == 0 && r.buffered() == 0 })
}

// TestTCPTimes has the times of a connection apart: half a message has Limits.Read, whatever the
// others are.
func TestTCPTimes(t *testing.T) {
	r := start(t, Config{TCP: Limits{Read: 300 * time.Millisecond, Write: time.Hour, Idle: time.Hour}}, echo, "127.0.0.1:0")
	idle, half := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	if !isOpen(idle) {
		t.Fatal("closed at once")
	}
	half.Write(frame("query")[:4])
	begin := time.Now()
	if _, err := half.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("half a message: %v", err)
	}
	if d := time.Since(begin); d > testkit.Patience/2 {
		t.Errorf("closed after %v", d)
	}
	if !isOpen(idle) {
		t.Error("the idle connection is closed")
	}
}

// TestTCPIdleLate gives a client all of its time after an answer that came late.
func TestTCPIdleLate(t *testing.T) {
	const idle = time.Second
	sent := make(chan time.Time, 1)
	r := start(t, Config{TCP: Limits{Idle: idle}}, func(_, _ []byte, c *Client) []byte {
		later := c.Later()
		time.AfterFunc(idle*3/4, func() { sent <- time.Now(); later.Send([]byte("late")) })
		return nil
	}, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	c.Write(frame("query"))
	if all, err := io.ReadAll(c); err != nil || !bytes.Equal(all, frame("late")) {
		t.Errorf("%q, %v", all, err)
	}
	if d := time.Since(<-sent); d < idle {
		t.Errorf("closed %v after the answer", d)
	}
}
