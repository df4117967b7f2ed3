package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/test/differential/peer"
)

// server is a running CoreDNS.
type server struct {
	t    *testing.T
	port int
	log  string // path
	cmd  *exec.Cmd
	done chan struct{}
}

// serve starts CoreDNS with a kubernetes block of the lines given, and waits until it
// answers anything.
func serve(t *testing.T, lines ...string) *server {
	t.Helper()
	ports, err := peer.Ports(1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &server{t: t, port: ports[0], log: filepath.Join(dir, "log"), done: make(chan struct{})}
	corefile := fmt.Sprintf(".:%d {\n\tbind 127.0.0.1\n\tkubernetes cluster.local clusterset.local in-addr.arpa ip6.arpa {\n\t\t%s\n\t}\n}\n",
		s.port, strings.Join(append(lines, "startup_timeout 1s"), "\n\t\t"))
	if err := os.WriteFile(filepath.Join(dir, "Corefile"), []byte(corefile), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(coredns, "-conf", "Corefile")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, log, log
	err = s.cmd.Start()
	_ = log.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(s.stop)
	s.eventually("it answers", 20*time.Second, func() bool { return s.dig("cluster.local", "SOA") != silence })
	return s
}

// stop ends the server as Kubernetes does. It has to end well.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		s.t.Error("CoreDNS goes on after SIGTERM")
	}
	if s.t.Failed() {
		s.t.Logf("CoreDNS logged:\n%s", s.logged())
	}
}

func (s *server) logged() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Error(err)
	}
	return string(text)
}

// logs waits for a line of the log to contain part.
func (s *server) logs(part string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("it logs %q", part), 20*time.Second, func() bool {
		return strings.Contains(s.logged(), part)
	})
}

// eventually fails the test if a condition is not met in time.
func (s *server) eventually(what string, limit time.Duration, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(30 * time.Millisecond) {
		select {
		case <-s.done:
			s.t.Fatalf("CoreDNS ended before %s", what)
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// silence is what dig returns if no answer came.
const silence = "no answer"

// dig asks for name, and returns the status of the answer and its records, sorted:
// "NOERROR A 10.0.0.1 A 10.0.0.2".
func (s *server) dig(name, kind string) string {
	out, err := exec.Command("dig", "@127.0.0.1", "-p", strconv.Itoa(s.port), "+tries=1", "+time=2",
		"+noall", "+comments", "+answer", name, kind).Output()
	if err != nil {
		return silence
	}
	return parse(string(out))
}

// expect waits until dig returns what is wanted.
func (s *server) expect(name, kind, want string) {
	s.t.Helper()
	s.expectWithin(10*time.Second, name, kind, want)
}

func (s *server) expectWithin(limit time.Duration, name, kind, want string) {
	s.t.Helper()
	var got string
	end := time.Now().Add(limit)
	for got = s.dig(name, kind); got != want; got = s.dig(name, kind) {
		if time.Now().After(end) {
			s.t.Fatalf("%s %s: %q, want %q, not within %v", name, kind, got, want, limit)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// file writes a file for the test and returns its path.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// listen opens a port on loopback.
func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
