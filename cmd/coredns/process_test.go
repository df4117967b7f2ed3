package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// asProgram is an environment variable that makes the test binary the program.
const asProgram = "TEST_AS_COREDNS"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a running coredns.
type process struct {
	*exec.Cmd
	dir     string
	address string        // of its one port, UDP and TCP
	ended   chan struct{} // closed when it has ended

	mu  sync.Mutex
	out bytes.Buffer
}

// Write takes what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs coredns with a Corefile and with files beside it. HOST and PORT in the Corefile stand
// for the address to listen on. start returns when the program answers.
func start(t *testing.T, corefile string, files map[string]string) *process {
	t.Helper()
	pid := os.Getpid()
	host := fmt.Sprintf("127.%d.%d.%d", 1+pid>>16, pid>>8&255, pid&255) // CoreDNS shares ports, also with other tests
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	p := &process{Cmd: exec.Command(os.Args[0], "-conf", "Corefile"), dir: t.TempDir(), address: address, ended: make(chan struct{})}
	p.write(t, "Corefile", strings.NewReplacer("HOST", host, "PORT", strings.TrimPrefix(address, host+":")).Replace(corefile))
	for name, text := range files {
		p.write(t, name, text)
	}
	p.Dir, p.Stdout, p.Stderr = p.dir, p, p
	p.Env = append(os.Environ(), asProgram+"=1")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.Wait() // a test that cares reads ProcessState
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("it printed:\n%s", p.printed())
		}
	})
	p.until(t, "it answers", func() bool {
		_, err := p.ask("udp", new(dns.Msg).SetQuestion("cluster.local.", dns.TypeSOA))
		return err == nil
	})
	return p
}

// write puts a file in the process's folder, whole at once.
func (p *process) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// ask sends one query.
func (p *process) ask(network string, m *dns.Msg) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: dns.MaxMsgSize}
	r, _, err := c.Exchange(m, p.address)
	return r, err
}

// until waits for something that the process should do.
func (p *process) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	testkit.Eventually(t, what, func() bool {
		select {
		case <-p.ended:
			t.Fatalf("it has ended before %s", what)
		default:
		}
		return done()
	})
}
