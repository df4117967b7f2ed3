package admin

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"golang.org/x/sys/unix"
)

// Servers are the HTTP servers of the process. The zero value serves nothing. One goroutine
// calls its methods.
type Servers struct {
	// FreeBind allows addresses that no interface has yet (IP_FREEBIND).
	FreeBind bool

	group  sync.WaitGroup
	at     map[string]*server // by address
	bounds bounds
}

// Dropped returns how many connections were closed, or never served, because there were too
// many. It may be called at any time.
func (s *Servers) Dropped() uint64 { return s.bounds.dropped.Load() }

// server is what listens at one address.
type server struct {
	http.Server
	listener *net.TCPListener
	mux      atomic.Pointer[http.ServeMux]
	open     atomic.Int64 // connections
}

// Change is a set of pages that can be served from now on: their ports are open.
type Change struct {
	servers *Servers
	pages   Pages
	opened  map[string]*net.TCPListener
}

// Open opens the ports of p that are not open yet, all or none.
func (s *Servers) Open(ctx context.Context, p Pages) (*Change, error) {
	c := &Change{s, p, map[string]*net.TCPListener{}}
	lc := net.ListenConfig{Control: s.control}
	lc.SetMultipathTCP(false) // such a listener, Go's default, can't turn away: see net/mptcp/sockopt.c
	for addr := range p {
		if s.at[addr] != nil {
			continue
		}
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			c.Abandon()
			paths := slices.Sorted(maps.Keys(p[addr]))
			return nil, fmt.Errorf("%s: %w%s", strings.Join(paths, " "), err, listen.Remedy(err))
		}
		c.opened[addr] = l.(*net.TCPListener)
	}
	return c, nil
}

// control lets a second process of the same user open the port.
func (s *Servers) control(_, _ string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		if err == nil && s.FreeBind { // for IPv6 too, see ipv6_can_nonlocal_bind in the kernel
			err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// Abandon closes what Open opened.
func (c *Change) Abandon() {
	for _, l := range c.opened {
		l.Close()
	}
}

// Commit serves the pages, and no others any more.
func (c *Change) Commit() {
	s := c.servers
	if s.at == nil {
		s.at = map[string]*server{}
	}
	for addr, server := range s.at {
		if c.pages[addr] == nil {
			server.Close()
			delete(s.at, addr)
		}
	}
	for addr, handlers := range c.pages {
		l := c.opened[addr]
		if l != nil {
			s.at[addr] = newServer(l)
		}
		server := s.at[addr]
		server.mux.Store(mux(handlers))
		if l != nil {
			s.group.Go(func() { server.Serve(listener{l, &s.bounds}) })
		}
	}
}

// What a request may take, of all there is: no handler reads a body of more than a line, and
// profiles allow themselves more time to write (see net/http/pprof).
const (
	headerTime  = 5 * time.Second // to send a request's header
	bodyTime    = 5 * time.Second // to send the rest of it
	writeTime   = 5 * time.Second // to take the answer
	idleTime    = 2 * time.Minute // until the next request; Prometheus asks each minute by default
	headerBytes = 4 << 10         // and 4 KiB that net/http adds
)

func newServer(l *net.TCPListener) *server {
	s := &server{listener: l}
	s.Handler = http.HandlerFunc(s.handle)
	s.ReadHeaderTimeout, s.WriteTimeout, s.IdleTimeout, s.MaxHeaderBytes = headerTime, writeTime, idleTime, headerBytes
	s.ConnState = s.count
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	return s
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// handle answers a request. The next one of the connection is answered askPause later at the
// soonest.
func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		time.Sleep(askPause - time.Since(c.asked))
		c.asked = time.Now()
	}
	if r.ContentLength != 0 { // a time-out of http.Server's for the body would cut short what takes long
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	}
	s.mux.Load().ServeHTTP(w, r)
}

// askPause lies between two requests of a connection.
const askPause = 10 * time.Millisecond

// count counts the connections that are open, and notes what they do.
func (s *server) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateActive, http.StateIdle:
		if c, ok := c.(*conn); ok {
			c.bounds.move(c, state == http.StateIdle)
		}
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

const (
	quiet = 100 * time.Millisecond // for connections that have begun to open; see listen.TurnAway
	drain = time.Second            // for requests on those that are open
	step  = 5 * time.Millisecond   // from one look at them to the next
)

// Close sends those who come to another process on the same ports, if there is one, answers
// the requests of those who are connected, and ends all servers. http.Server.Shutdown would
// close connections whose request it reads after it was called.
func (s *Servers) Close() {
	for _, server := range s.at {
		server.turnAway()
	}
	if len(s.at) > 0 {
		time.Sleep(quiet)
	}
	for _, server := range s.at {
		server.listener.Close() // those who were turned away ask again soon
	}
	for end := time.Now().Add(drain); s.busy() && time.Now().Before(end); {
		time.Sleep(step)
	}
	for _, server := range s.at {
		server.Close()
	}
	s.group.Wait()
}

// turnAway lets no connection come, and each that is there bring one more request at most.
func (s *server) turnAway() {
	if raw, err := s.listener.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { listen.TurnAway(int(fd)) })
	}
	s.SetKeepAlivesEnabled(false)
}

// busy reports whether connections are open.
func (s *Servers) busy() bool {
	for _, server := range s.at {
		if server.open.Load() > 0 {
			return true
		}
	}
	return false
}
