package testkit

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Load is clients that ask a server without a pause, each one query at a time. They report a query
// as lost if there is neither an answer nor the news that the port is closed.
type Load struct {
	t       testing.TB
	addr    string
	queries [][]byte
	cancel  context.CancelFunc
	clients sync.WaitGroup
	asked   atomic.Int64
	ended   atomic.Int64 // clients that ask no more
}

// Clients of a Load over UDP, and as many over TCP.
const loadClients = 3

// perSocket is how many queries a client of a Load asks before it takes another socket.
const perSocket = 20

// NewLoad starts clients that ask queries in turn, over UDP and TCP. The server must be there: a client
// that finds the port closed ends. The end of the test stops them.
func NewLoad(t testing.TB, addr netip.AddrPort, queries ...[]byte) *Load {
	t.Helper()
	l := &Load{t: t, addr: addr.String(), queries: queries}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	t.Cleanup(l.End)
	for range loadClients {
		l.clients.Go(func() { l.run(ctx, l.datagrams) })
		l.clients.Go(func() { l.run(ctx, l.frames) })
	}
	return l
}

// More waits until the clients have asked n more queries.
func (l *Load) More(n int) {
	l.t.Helper()
	least := l.asked.Load() + int64(n)
	Eventually(l.t, "the clients have asked more", func() bool {
		if l.ended.Load() == 2*loadClients {
			l.t.Fatal("all clients have ended")
		}
		return l.asked.Load() >= least
	})
}

// End waits for the clients' last answers.
func (l *Load) End() {
	l.cancel()
	l.clients.Wait()
}

// run lets a client ask until ctx ends, or the port is closed.
func (l *Load) run(ctx context.Context, some func(*net.Conn) error) {
	defer l.ended.Add(1)
	for ctx.Err() == nil {
		var conn net.Conn
		err := some(&conn)
		if conn != nil {
			_ = conn.Close()
		}
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return
		case err != nil:
			l.t.Errorf("a query is lost: %v", err)
			return
		}
	}
}

// dial sets conn.
func (l *Load) dial(network string, conn *net.Conn) (err error) {
	if *conn, err = net.Dial(network, l.addr); err == nil {
		err = (*conn).SetDeadline(time.Now().Add(Patience))
	}
	return err
}

// datagrams asks some queries from one UDP socket.
func (l *Load) datagrams(conn *net.Conn) error {
	if err := l.dial("udp", conn); err != nil {
		return err
	}
	answer := make([]byte, 64<<10)
	for id := range uint16(perSocket) {
		if _, err := (*conn).Write(l.next(id)); err != nil {
			return err
		}
		n, err := (*conn).Read(answer)
		if err != nil {
			return err
		}
		l.check(answer[:n], id)
	}
	return nil
}

// frames asks some queries on one TCP connection. The server may close it between an answer and the
// next query (RFC 7766, section 6.2.3).
func (l *Load) frames(conn *net.Conn) error {
	if err := l.dial("tcp", conn); err != nil {
		return err
	}
	for id := range uint16(perSocket) {
		q := l.next(id)
		_, err := (*conn).Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...))
		if err == nil {
			var answer []byte
			if answer, err = frame(*conn); err == nil {
				l.check(answer, id)
				continue
			}
		}
		if id > 0 && slices.ContainsFunc(closed, func(c error) bool { return errors.Is(err, c) }) {
			return nil
		}
		return err
	}
	return nil
}

// closed says that the other side has closed a connection.
var closed = []error{io.EOF, syscall.EPIPE, syscall.ECONNRESET}

// next returns the next query, with an ID.
func (l *Load) next(id uint16) []byte {
	n := l.asked.Add(1)
	q := slices.Clone(l.queries[int(n)%len(l.queries)])
	binary.BigEndian.PutUint16(q, id)
	return q
}

func (l *Load) check(answer []byte, id uint16) {
	if len(answer) < 12 || binary.BigEndian.Uint16(answer) != id {
		l.t.Errorf("query %d got %x", id, answer)
	}
}
