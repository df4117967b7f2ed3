package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// TestLostLog lets CoreDNS log each query to a pipe whose reader is gone. It goes on answering.
func TestLostLog(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := socket.LocalAddr().(*net.UDPAddr)
	_ = socket.Close()
	conf := filepath.Join(t.TempDir(), "Corefile")
	if err := os.WriteFile(conf, fmt.Appendf(nil, ".:%d {\n\tbind 127.0.0.1\n\tlog\n\twhoami\n}\n", addr.Port), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-conf", conf)
	cmd.Env, cmd.Stdout = append(os.Environ(), asProgram+"=1"), stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	_ = stdout.Close()
	c := dns.Client{Timeout: time.Second}
	ask := func() error {
		_, _, err := c.Exchange(new(dns.Msg).SetQuestion("a.example.", dns.TypeA), addr.String())
		return err
	}
	testkit.Eventually(t, "it starts", func() bool { return ask() == nil })
	_ = reader.Close()
	for range 5 {
		_ = ask()
	}
	testkit.Eventually(t, "it answers without a reader of its log", func() bool { return ask() == nil })
}
