package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/selfcheck"
)

// Flusher forgets what is kept of a name and of all names below it, and returns how many answers
// that were; see resolve.Resolver.
type Flusher interface {
	Flush(name wire.Name) (forgotten int)
}

// Server answers what other programs in this container ask.
type Server struct {
	listener *net.UnixListener
	status   *Status
	flusher  Flusher
	log      *slog.Logger
}

// Listen opens the socket of this PID namespace. Only one process can have it.
func Listen(s *Status, f Flusher, log *slog.Logger) (*Server, error) {
	addr, err := socketAddr()
	if err != nil {
		return nil, err
	}
	return listen(addr, s, f, log)
}

func listen(addr *net.UnixAddr, s *Status, f Flusher, log *slog.Logger) (*Server, error) {
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		return nil, err
	}
	return &Server{l, s, f, log}, nil
}

const (
	answerTime  = selfcheck.Time         // how long an answer may take
	most        = 8                      // connections that are served at a time; others wait
	acceptPause = 100 * time.Millisecond // after a connection could not be accepted
)

// Run answers until ctx ends, and then closes the socket. Nothing else may close it: a listener
// that is closed elsewhere may still accept a connection for a moment, only to reset it.
func (s *Server) Run(ctx context.Context) {
	defer s.listener.Close()
	stop := context.AfterFunc(ctx, func() { s.listener.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var group errgroup.Group
	group.SetLimit(most)
	for {
		c, err := s.listener.AcceptUnix()
		if err != nil && ctx.Err() != nil {
			break
		}
		if err != nil { // perhaps the process has no file descriptor left
			time.Sleep(acceptPause)
			continue
		}
		if !trusted(c) {
			c.Close()
			continue
		}
		group.Go(func() error { s.serve(ctx, c); return nil })
	}
	group.Wait()
}

// trusted reports whether the client is in our PID namespace and may do what we may. Any process
// of the network namespace can reach the socket, and on the host's network many Pods' processes
// can. A process of another PID namespace has no number in ours.
func trusted(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	failed := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return failed == nil && err == nil && peer.Pid != 0 && (peer.Uid == 0 || int(peer.Uid) == os.Geteuid())
}

// serve answers one question.
func (s *Server) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c.SetDeadline(time.Now().Add(answerTime))
	question, err := bufio.NewReader(io.LimitReader(c, longestLine)).ReadString('\n')
	if err != nil {
		return
	}
	result, err := s.answer(ctx, strings.TrimSuffix(question, "\n"))
	answer := strings.TrimSpace("ok " + result)
	if err != nil {
		answer = err.Error()
	}
	c.SetDeadline(time.Now().Add(answerTime))
	io.WriteString(c, answer+"\n")
}

// answer returns what follows "ok", or an error, which is the answer then.
func (s *Server) answer(ctx context.Context, question string) (result string, err error) {
	switch question {
	case live:
		return "", s.status.live(ctx)
	case ready:
		return "", s.status.ready(ctx)
	}
	if name, ok := strings.CutPrefix(question, flush); ok {
		return s.flush(name)
	}
	return "", fmt.Errorf("unknown probe %q, expected live or ready", question)
}

func (s *Server) flush(name string) (result string, err error) {
	n, err := wire.ParseName(name)
	if err != nil {
		return "", err
	}
	forgotten := s.flusher.Flush(n)
	s.log.Info("flushed", "name", name, "answers", forgotten)
	return fmt.Sprintf("answers forgotten: %d", forgotten), nil
}
