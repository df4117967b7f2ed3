package upstream

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// corefile answers names of the cluster from memory, and asks a slow server for all others.
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
		addr := free(t)
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

// free returns an address on which nothing listens.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func ready(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	client := dns.Client{Net: "tcp"}
	m := new(dns.Msg)
	m.SetQuestion("a.cluster.local.", dns.TypeA)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if r, _, err := client.Exchange(m, addr.String()); err == nil && len(r.Answer) == 1 {
			return
		}
	}
	t.Fatalf("%v does not answer", addr)
}

// slowServer answers every name, a tenth of the PTR queries and all for the root after 2 s.
func slowServer(t *testing.T) (addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if name := q.Question[0].Name; name == "." || strings.HasPrefix(name, "7") {
			time.Sleep(2 * time.Second)
		}
		m := new(dns.Msg)
		m.SetReply(q)
		_ = w.WriteMsg(m)
	})}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = server.Shutdown()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn.LocalAddr().String()
}
