package express

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/nodecache/run"
)

// TestSockets binds the server in every way. Over UDP and TCP, at each address that it should have, the
// lane answers.
func TestSockets(t *testing.T) {
	for what, c := range map[string]struct {
		corefile string
		at       []string
	}{
		"all addresses":   {one(""), []string{"127.0.0.1", "127.9.9.9", "::1"}},
		"0.0.0.0":         {one("bind 0.0.0.0"), []string{"127.0.0.1", "127.9.9.9"}},
		"::":              {one("bind ::"), []string{"127.0.0.1", "::1"}},
		"one address":     {one("bind 127.0.0.1"), []string{"127.0.0.1"}},
		"two addresses":   {one("bind 127.0.0.1 127.0.0.2"), []string{"127.0.0.1", "127.0.0.2"}},
		"two families":    {one("bind 127.0.0.1 ::1"), []string{"127.0.0.1", "::1"}},
		"two binds":       {one("bind 127.0.0.1\n bind ::1"), []string{"127.0.0.1", "::1"}},
		"an interface":    {one("bind lo"), []string{"127.0.0.1", "::1"}},
		"two blocks":      {one("bind 127.0.0.1") + strings.Replace(one("bind 127.0.0.2"), " prometheus METRICS\n", "", 1), []string{"127.0.0.1", "127.0.0.2"}},
		"several sockets": {one("multisocket 2"), []string{"127.0.0.1", "::1"}},
		"shed":            {one("shed"), []string{"127.0.0.1", "::1"}},
		"several zones":   {strings.Replace(one(""), ".:PORT", ".:PORT cluster.local:PORT", 1), []string{"127.0.0.1", "::1"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.corefile, records(), nil)
			for _, at := range c.at {
				s.answersAt(netip.AddrPortFrom(netip.MustParseAddr(at), s.addr.Port()))
			}
		})
	}
}

// answersAt asks for all names over UDP and TCP. Each is asked by itself, so it may go to any socket.
func (s *server) answersAt(to netip.AddrPort) {
	s.t.Helper()
	before := s.answered()
	for _, network := range []string{"udp", "tcp"} {
		for i := range int64(services) {
			name := nameIn("ns")(i)
			if m, err := exchange(network, to, new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil || !right(m) {
				s.t.Fatalf("%s at %v over %s: %v %v", name, to, network, m, err)
			}
		}
	}
	if n := s.answered() - before; n < 2*services {
		s.t.Errorf("at %v the lane answered %d of %d", to, n, 2*services)
	}
}

// TestUser runs the server as a user without any rights. The lane is on.
func TestUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	s := newServer(t, records(), nil)
	dir, err := os.MkdirTemp("", "express")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ours, err := run.Build(t.Context(), run.OurCoreDNS)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-ec", fmt.Sprintf("cp %s %s/coredns; chmod 755 %[2]s %[2]s/coredns", ours, dir)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for name, text := range map[string]string{"records.yaml": records(), "Corefile": s.fill.Replace(
		strings.Replace(one(""), "RECORDS", "records.yaml", 1))} {
		if err := os.Chmod(run.Write(t, dir, name, text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "coredns"), "-conf", "Corefile")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	s.Process = run.Start(t, cmd, dir)
	s.Answers(s.addr)
	s.answersAt(s.addr)
}
