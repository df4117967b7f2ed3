// Package admin serves what operators ask for over HTTP: metrics, health, profiles. It shares its
// ports (SO_REUSEPORT), so that two processes can run during an upgrade. Then the kernel chooses
// which of them answers a request.
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

// Pages are the handlers to serve, by address (for example ":9253") and path.
type Pages map[string]map[string]http.Handler

// Add adds a handler. If there is one at the same address and path, that one stays.
func (p Pages) Add(addr, path string, h http.Handler) {
	addr = canonical(addr)
	if p[addr] == nil {
		p[addr] = map[string]http.Handler{}
	}
	if p[addr][path] == nil {
		p[addr][path] = h
	}
}

// canonical returns one form for the address of all interfaces, and any other address as it is.
func canonical(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && (host == "0.0.0.0" || host == "::") {
		return ":" + port
	}
	return addr
}

// mux returns a handler for all paths of one address.
func mux(handlers map[string]http.Handler) *http.ServeMux {
	m := http.NewServeMux()
	for path, h := range handlers {
		m.Handle(path, h)
	}
	return m
}

// Servers are the HTTP servers of the process. The zero value serves nothing. All methods but Dropped
// belong to one goroutine.
type Servers struct {
	// FreeBind allows addresses that no interface has yet (IP_FREEBIND).
	FreeBind bool

	group  sync.WaitGroup
	at     map[string]*server // by address
	bounds bounds
}

// Dropped returns how many connections were closed, or never served, because there were too many.
// Any goroutine may call it.
func (s *Servers) Dropped() uint64 { return s.bounds.dropped.Load() }

// server is the server at one address.
type server struct {
	http.Server
	listener *net.TCPListener
	mux      atomic.Pointer[http.ServeMux]
	open     atomic.Int64 // connections
}

// Change is a set of pages whose ports are open, and which Commit serves.
type Change struct {
	servers *Servers
	pages   Pages
	opened  map[string]*net.TCPListener
}

// Open opens those ports of p that are not open yet: all of them, or none if it returns an error.
func (s *Servers) Open(ctx context.Context, p Pages) (*Change, error) {
	c := &Change{s, p, map[string]*net.TCPListener{}}
	lc := net.ListenConfig{Control: s.control}
	lc.SetMultipathTCP(false) // a multipath listener, Go's default, cannot turn connections away: see net/mptcp/sockopt.c
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

// control lets a second process of the same user open the same port.
func (s *Servers) control(_, _ string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		if err == nil && s.FreeBind { // it works for IPv6 too, see ipv6_can_nonlocal_bind in the kernel
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

// Commit serves the pages, and stops serving all others.
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

// Limits of a request. They can be small: no handler reads a body of more than a line, and the
// profiles give themselves more time to write (see net/http/pprof).
const (
	headerTime  = 5 * time.Second // for the client to send the header
	bodyTime    = 5 * time.Second // for the client to send the body
	writeTime   = 5 * time.Second // for the client to take the answer
	idleTime    = 2 * time.Minute // until the next request; by default Prometheus asks every minute
	headerBytes = 4 << 10         // of a header; net/http adds 4 KiB
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

// handle answers a request, askPause after the last one of its connection at the earliest.
func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		time.Sleep(askPause - time.Since(c.asked))
		c.asked = time.Now()
	}
	if r.ContentLength != 0 { // a timeout for the body in http.Server would cut short the handlers that take long
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	}
	s.mux.Load().ServeHTTP(w, r)
}

// askPause is the least time from one request of a connection to the next.
const askPause = 10 * time.Millisecond

// count counts the open connections, and notes whether they rest.
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
	drain = time.Second            // for requests on open connections
	step  = 5 * time.Millisecond   // from one look at the open connections to the next
)

// Close leaves new connections to another process on the same ports, if there is one. It answers the
// requests on open connections, and ends all servers. It does not use http.Server.Shutdown, which
// closes a connection whose request it reads after the call.
func (s *Servers) Close() {
	for _, server := range s.at {
		server.turnAway()
	}
	if len(s.at) > 0 {
		time.Sleep(quiet)
	}
	for _, server := range s.at {
		server.listener.Close() // clients that were turned away ask again soon
	}
	for end := time.Now().Add(drain); s.busy() && time.Now().Before(end); {
		time.Sleep(step)
	}
	for _, server := range s.at {
		server.Close()
	}
	s.group.Wait()
}

// turnAway accepts no new connections, and at most one more request on each open one.
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
