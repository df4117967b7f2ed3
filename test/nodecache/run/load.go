package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"golang.org/x/sys/unix"
)

// Load asks all the time until Stop is called.
type Load struct {
	t      testing.TB
	cancel context.CancelFunc
	group  sync.WaitGroup
	asked  atomic.Int64
	leaves atomic.Bool // refusals are no failures
	resets atomic.Bool // a connection that is reset is no failure, if another one is not

	mu     sync.Mutex
	failed []string // queries that got no answer, or a wrong one
}

// StartLoad has clients ask at addr over network, udp or tcp. Each asks one query after the
// other, with a pause. A UDP client uses a new port each time. A TCP client keeps its connection,
// and opens another if the server closes it between two queries. Name makes up the name of each
// query, and ok judges the answer. A query is sent once. It may take testkit.Patience, as a lost
// one never gets an answer.
func StartLoad(t testing.TB, addr netip.AddrPort, network string, clients int, name func(i int64) string, ok func(*dns.Msg) bool) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{t: t, cancel: cancel}
	for range clients {
		l.group.Go(func() { l.client(ctx, addr, network, name, ok) })
	}
	t.Cleanup(func() { cancel(); l.group.Wait() })
	return l
}

// NoError accepts answers with records.
func NoError(m *dns.Msg) bool { return m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0 }

// pace is the pause between two queries of a client.
const pace = 2 * time.Millisecond

func (l *Load) client(ctx context.Context, addr netip.AddrPort, network string, name func(int64) string, ok func(*dns.Msg) bool) {
	c := connection{load: l, addr: addr.String(), client: dns.Client{Net: network, Timeout: testkit.Patience}}
	defer c.close()
	for ctx.Err() == nil {
		n := l.asked.Add(1)
		q := new(dns.Msg).SetQuestion(name(n), dns.TypeA)
		reply, err := c.ask(q)
		switch {
		case l.leaves.Load() && errors.Is(err, unix.ECONNREFUSED):
			return
		case err != nil:
			l.fail(fmt.Sprintf("%s %d %s: %v", network, n, q.Question[0].Name, err))
		case !ok(reply):
			l.fail(fmt.Sprintf("%s %d %s: %s, %d records", network, n, q.Question[0].Name, dns.RcodeToString[reply.Rcode], len(reply.Answer)))
		}
		time.Sleep(pace) // this makes the load what it is
	}
}

func (l *Load) fail(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = append(l.failed, time.Now().Format("15:04:05.000 ")+text)
}

// Goes waits until n more queries were sent.
func (l *Load) Goes(n int64) {
	l.t.Helper()
	last := l.asked.Load() + n
	testkit.Eventually(l.t, fmt.Sprintf("%d more queries are sent", n), func() bool { return l.asked.Load() >= last })
}

// Stop ends the clients once their last queries are answered. It fails the test if fewer than
// least queries were sent, or if one of them was lost.
func (l *Load) Stop(least int64) {
	l.t.Helper()
	l.cancel()
	l.group.Wait()
	if n := l.asked.Load(); n < least {
		l.t.Errorf("%d queries were sent, expected at least %d", n, least)
	}
	if n := len(l.failed); n > 0 {
		l.t.Errorf("%d of %d queries were lost:", n, l.asked.Load())
		for _, f := range l.failed[:min(n, 10)] {
			l.t.Error(f)
		}
	}
}

// MayLeave says that the server may leave from now on. A client that it refuses asks no more, and that
// is no failure. A query that it leaves without an answer is one.
func (l *Load) MayLeave() { l.leaves.Store(true) }

// MayReset says whether the server may reset connections from now on, with queries in them that it has
// not read. A client asks such a query again, once.
func (l *Load) MayReset(may bool) { l.resets.Store(may) }

// Left waits until the server has refused all clients, and fails the test if a query was lost.
func (l *Load) Left() {
	l.t.Helper()
	late := time.AfterFunc(2*testkit.Patience, func() {
		l.fail("the server has not left")
		l.cancel()
	})
	l.group.Wait()
	late.Stop()
	l.Stop(0)
}

// connection is how one client asks.
type connection struct {
	load   *Load
	addr   string
	client dns.Client
	conn   *dns.Conn // of TCP, nil for none
}

func (c *connection) ask(q *dns.Msg) (*dns.Msg, error) {
	if c.client.Net != "tcp" {
		reply, _, err := c.client.Exchange(q, c.addr)
		return reply, err
	}
	if c.conn != nil && c.closedByPeer() {
		c.close()
	}
	reused := c.conn != nil
	reply, err := c.askTCP(q)
	closed := errors.Is(err, io.EOF) || c.load.resets.Load() && errors.Is(err, unix.ECONNRESET)
	if reused && closed { // while the query was on its way: RFC 7766, section 6.2.4
		reply, err = c.askTCP(q)
	}
	return reply, err
}

// askTCP asks over the connection, which it opens if there is none.
func (c *connection) askTCP(q *dns.Msg) (*dns.Msg, error) {
	if c.conn == nil {
		conn, err := c.client.Dial(c.addr)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	reply, _, err := c.client.ExchangeWithConn(q, c.conn)
	if err != nil {
		c.close()
	}
	return reply, err
}

// closedByPeer reports whether the server has closed the connection. It may do so between two
// queries, and the client has to look (RFC 7766, section 6.2.4).
func (c *connection) closedByPeer() (closed bool) {
	raw, err := c.conn.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	var one [1]byte
	failed := raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		closed = !errors.Is(err, unix.EAGAIN)
	})
	return closed || failed != nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
