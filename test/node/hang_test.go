package node

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// giveBack is how long a node cache that hangs may keep the queries: the 3 s that they are taken
// for, and a round of probes that is under way.
const giveBack = 4 * time.Second

// silentMost is how long a node cache goes on although it doesn't answer itself.
const silentMost = 10 * time.Second

// hangs shows that the kernel gives the queries back when the node cache, or one of its
// sockets, hangs, and that the node cache takes them again by itself.
func hangs(t *testing.T, w *world) {
	c := startCache(t)
	defer c.Stop()
	for _, how := range []struct {
		name  string
		start func() (end func())
	}{
		{"the process is stopped", func() func() {
			c.Signal(syscall.SIGSTOP)
			return func() { c.Signal(syscall.SIGCONT) }
		}},
		{"a UDP socket hears nothing", func() func() { return deafen(t, c.PID(), unix.SOCK_DGRAM, 1) }},
		{"no TCP listener hears anything", func() func() { return deafen(t, c.PID(), unix.SOCK_STREAM, 1000) }},
	} {
		if !cacheAnswers(w.a, clusterIP) {
			t.Fatalf("%s: the queries are not the node cache's before", how.name)
		}
		end := how.start()
		began := time.Now()
		testkit.Within(t, giveBack, how.name+": the queries are given back", func() bool { return !intercepted(t) })
		took := time.Since(began)
		for _, p := range []*pod{w.a, w.b} {
			for _, server := range []string{clusterIP, clusterIP6} {
				if got := p.Dig(server, web); got != webIP || cacheAnswers(p, server) {
					t.Errorf("%s: %s at %s, or it is the node cache's answer", how.name, got, server)
				}
			}
		}
		end()
		began = time.Now()
		testkit.Eventually(t, how.name+": it takes the queries again", func() bool { return intercepted(t) && cacheAnswers(w.a, clusterIP) })
		t.Logf("%s: given back after %v, taken again after %v", how.name, took.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))
	}
}

// silent shows that a node cache ends if it hasn't answered itself for 10 s, so that a new one can
// start.
func silent(t *testing.T, w *world) {
	before := w.state(t)
	c := startCache(t)
	end := deafen(t, c.PID(), unix.SOCK_DGRAM, 1000)
	defer end()
	began := time.Now()
	code := c.Wait(testkit.Patience)
	t.Logf("ended after %v", time.Since(began).Round(10*time.Millisecond))
	if code <= 0 || time.Since(began) < silentMost || len(c.Logged("has not answered itself for")) != 1 {
		t.Errorf("exit code %d after %v:\n%s", code, time.Since(began), c.Log())
	}
	w.unchanged(t, before)
}

// intercepted reports whether rules send queries to a node cache.
func intercepted(t testing.TB) bool {
	t.Helper()
	return regexp.MustCompile(`set take[46] \{[^}]*elements = \{`).MatchString(netns.Sh(t, "nft list ruleset"))
}

// deafen has the kernel drop everything that comes to a process's sockets of a kind at port 53, the first
// most of them, until end is called. That is as if their readers hung.
func deafen(t *testing.T, pid, kind, most int) (end func()) {
	t.Helper()
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(pidfd) }()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var deaf []int
	for _, f := range files {
		n, _ := strconv.Atoi(f.Name())
		fd, err := unix.PidfdGetfd(pidfd, n, 0)
		if err != nil {
			continue
		}
		if len(deaf) < most && listens(fd, kind) {
			drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
			if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]}); err != nil {
				t.Fatal(err)
			}
			deaf = append(deaf, fd)
			continue
		}
		_ = unix.Close(fd)
	}
	if len(deaf) == 0 {
		t.Fatal("no such socket")
	}
	return func() {
		for _, fd := range deaf {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err != nil {
				t.Error(err)
			}
			_ = unix.Close(fd)
		}
	}
}

// listens reports whether fd is a socket of a kind, such as SOCK_DGRAM, that listens at port 53.
func listens(fd, kind int) bool {
	if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || got != kind {
		return false
	}
	accepts, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	at, err := unix.Getsockname(fd)
	port := 0
	switch a := at.(type) {
	case *unix.SockaddrInet4:
		port = a.Port
	case *unix.SockaddrInet6:
		port = a.Port
	}
	return err == nil && port == 53 && (kind == unix.SOCK_DGRAM || accepts == 1)
}
