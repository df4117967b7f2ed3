package upstream

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// corefile has CoreDNS answer names of the cluster from memory, and ask a slow server for all others.
const corefile = `%s {
	bind 127.0.0.1
	template IN A cluster.local {
		answer "{{ .Name }} 5 IN A 10.96.0.20"
	}
	forward . %s {
		prefer_udp
		read_timeout 5s
	}
}
`

// build builds stock CoreDNS.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "coredns")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", program, "github.com/coredns/coredns")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// start starts stock CoreDNS on n addresses.
func start(t *testing.T, n int, slow string) (addrs []netip.AddrPort) {
	t.Helper()
	var keys []string
	for range n {
		addr := testkit.FreeAddr(t)
		addrs = append(addrs, addr)
		keys = append(keys, fmt.Sprintf(".:%d", addr.Port()))
	}
	file := filepath.Join(t.TempDir(), "Corefile")
	if err := os.WriteFile(file, fmt.Appendf(nil, corefile, strings.Join(keys, " "), slow), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, build(t), "-conf", file)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("CoreDNS printed:\n%s", &printed)
		}
	})
	for _, addr := range addrs {
		ready(t, addr)
	}
	return addrs
}

// ready waits until a server answers.
func ready(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	client := dns.Client{Net: "tcp"}
	m := new(dns.Msg)
	m.SetQuestion("a.cluster.local.", dns.TypeA)
	testkit.Eventually(t, fmt.Sprint(addr, " answers"), func() bool {
		r, _, err := client.Exchange(m, addr.String())
		return err == nil && len(r.Answer) == 1
	})
}

// slowServer returns the address of a server that answers every name. It takes 2 s for a tenth of the
// PTR queries and for the root.
func slowServer(t *testing.T) (addr string) {
	t.Helper()
	slow := testkit.Late(2*time.Second, testkit.Echo)
	return testkit.Serve(t, func(s *testkit.Session, q wire.Message) {
		if name := testkit.NameOf(q); name == "." || strings.HasPrefix(name, "7") {
			slow(s, q)
			return
		}
		testkit.Echo(s, q)
	}).Addr.String()
}
