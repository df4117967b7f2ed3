package nodecache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A probe must ask this very process: during an upgrade two share the ports, and an HTTP
// request may reach either. The program that the kubelet runs in our container shares our
// namespaces, and the name of a socket in Linux's abstract namespace, unix(7), is made of
// those, so that it leads here and leaves no file behind.

// probeTime is how long an answer to a probe may take.
const probeTime = 2 * time.Second

// probeAddr returns the address of the socket of the process in our PID namespace.
func probeAddr() (*net.UnixAddr, error) {
	pid, err := os.Readlink("/proc/self/ns/pid") // such as pid:[4026531836]
	if err != nil {
		return nil, err
	}
	return &net.UnixAddr{Net: "unix", Name: "@neardns-nodecache-" + pid}, nil
}

// Probe asks the running process whether it is live or ready. It returns nil if it is.
func Probe(ctx context.Context, question string) error {
	addr, err := probeAddr()
	if err != nil {
		return err
	}
	_, err = probe(ctx, addr, question)
	return err
}

// probe asks the process that has the socket at addr, and returns what it says beside ok.
func probe(ctx context.Context, addr *net.UnixAddr, question string) (result string, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", addr.Name)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "", fmt.Errorf("no nodecache runs in this PID namespace: %w", err)
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(probeTime + time.Second))
	if _, err := io.WriteString(c, question+"\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(io.LimitReader(c, longestLine)).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("nodecache runs but does not answer: %w", err)
	}
	answer = strings.TrimSuffix(answer, "\n")
	if result, ok := strings.CutPrefix(answer, "ok"); ok {
		return strings.TrimPrefix(result, " "), nil
	}
	return "", errors.New(answer)
}

// longestLine is how long a question or an answer may be, in bytes. A name in presentation form
// has some 1,000.
const longestLine = 2048

// answerer answers a question with nil, and perhaps some words, or says what is wrong.
type answerer func(ctx context.Context, question string) (result string, err error)

// prober answers probes.
type prober struct {
	listener *net.UnixListener
	answer   answerer
}

// openProber opens the socket of this PID namespace.
func openProber(answer answerer) (*prober, error) {
	addr, err := probeAddr()
	if err != nil {
		return nil, err
	}
	return newProber(addr, answer)
}

// newProber opens the socket at addr. Only one process has it.
func newProber(addr *net.UnixAddr, answer answerer) (*prober, error) {
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		return nil, err
	}
	return &prober{l, answer}, nil
}

const (
	maxProbes   = 8                      // answered at a time; others wait
	acceptPause = 100 * time.Millisecond // after one could not be accepted
)

// run answers until ctx ends. When it returns, the socket is closed: a listener that is closed
// elsewhere may still take a connection for a moment, only to reset it.
func (p *prober) run(ctx context.Context) {
	defer p.listener.Close()
	stop := context.AfterFunc(ctx, func() { p.listener.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var group errgroup.Group
	group.SetLimit(maxProbes)
	for {
		c, err := p.listener.AcceptUnix()
		if err != nil && ctx.Err() != nil {
			break
		}
		if err != nil { // no file is free, perhaps
			time.Sleep(acceptPause)
			continue
		}
		if !trusted(c) {
			c.Close()
			continue
		}
		group.Go(func() error { p.serve(ctx, c); return nil })
	}
	group.Wait()
}

// trusted reports whether who asks is of our PID namespace, where others have no number, and may
// do what we may. Any process of the network namespace can reach the socket, which on a node may be
// many a Pod's.
func trusted(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	failed := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return failed == nil && err == nil && peer.Pid != 0 && (peer.Uid == 0 || int(peer.Uid) == os.Geteuid())
}

func (p *prober) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c.SetDeadline(time.Now().Add(probeTime))
	question, err := bufio.NewReader(io.LimitReader(c, longestLine)).ReadString('\n')
	if err != nil {
		return
	}
	result, err := p.answer(ctx, strings.TrimSuffix(question, "\n"))
	answer := strings.TrimSpace("ok " + result)
	if err != nil {
		answer = err.Error()
	}
	c.SetDeadline(time.Now().Add(probeTime))
	io.WriteString(c, answer+"\n")
}
