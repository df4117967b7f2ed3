package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// server is a running CoreDNS.
type server struct {
	*run.Process
	t    *testing.T
	addr netip.AddrPort
}

// serve starts CoreDNS with a kubernetes block of these lines, and waits until it answers
// anything. The end of the test ends it as Kubernetes does.
func serve(t *testing.T, lines ...string) *server {
	t.Helper()
	addr, dir := testkit.FreeAddr(t), t.TempDir()
	run.Write(t, dir, "Corefile", fmt.Sprintf(
		".:%d {\n\tbind 127.0.0.1\n\tkubernetes cluster.local clusterset.local in-addr.arpa ip6.arpa {\n\t\t%s\n\t}\n}\n",
		addr.Port(), strings.Join(append(lines, "startup_timeout 1s"), "\n\t\t")))
	p := run.Start(t, exec.Command(coredns, "-conf", "Corefile"), dir)
	s := &server{p, t, addr}
	t.Cleanup(func() {
		if s.Process == p { // or the test has killed it
			s.Stop()
		}
	})
	s.Answers(addr)
	return s
}

// silence is what dig returns if no answer came.
const silence = "no answer"

// dig asks for name, and returns the status of the answer and its records, sorted:
// "NOERROR A 10.0.0.1 A 10.0.0.2".
func (s *server) dig(name, kind string) string {
	a := run.TryDig(s.addr, name, kind)
	if a.Status == "" {
		return silence
	}
	var records []string
	for _, r := range a.Answer {
		records = append(records, r.Type+" "+r.Data)
	}
	slices.Sort(records)
	return strings.Join(append([]string{a.Status}, records...), " ")
}

// expect waits until dig returns what is wanted.
func (s *server) expect(name, kind, want string) {
	s.t.Helper()
	s.expectWithin(testkit.Patience, name, kind, want)
}

// expectNow fails the test if dig returns something else at once.
func (s *server) expectNow(name, kind, want string) {
	s.t.Helper()
	if got := s.dig(name, kind); got != want {
		s.t.Errorf("%s %s: %q, want %q", name, kind, got, want)
	}
}

func (s *server) expectWithin(limit time.Duration, name, kind, want string) {
	s.t.Helper()
	var got string
	defer func() {
		if got != want {
			s.t.Logf("the last answer was %q", got)
		}
	}()
	testkit.Within(s.t, limit, fmt.Sprintf("%s %s is %q", name, kind, want), func() bool {
		got = s.dig(name, kind)
		return got == want
	})
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
