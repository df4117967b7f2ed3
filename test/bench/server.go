package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/bench/meter"
	"github.com/neardns/neardns/test/cluster"
)

// contender is one of the two plugins, built into a whole server and into a meter.
type contender struct {
	name   string
	server string // package of the server
	meter  string // package of the meter
}

var contenders = [2]contender{
	{"neardns", "./cmd/coredns", "./test/bench/meter/ours"},
	{"stock", "./test/differential/stock", "./test/bench/meter/stock"},
}

func (c contender) binary(dir, kind string) string { return filepath.Join(dir, c.name+"-"+kind) }

func nodeCache(dir string) string { return filepath.Join(dir, "nodecache") }

func echo(dir string) string { return filepath.Join(dir, "echo") }

// build builds both programs of each contender, the node cache and the echo, into dir.
func build(ctx context.Context, dir string) error {
	for _, c := range contenders {
		for kind, pkg := range map[string]string{"server": c.server, "meter": c.meter} {
			if err := gauge.Build(ctx, c.binary(dir, kind), pkg); err != nil {
				return err
			}
		}
	}
	if err := gauge.Build(ctx, echo(dir), "./test/bench/echo"); err != nil {
		return err
	}
	return gauge.Build(ctx, nodeCache(dir), "./cmd/nodecache")
}

// access returns the lines of a kubernetes block that say how to reach the API server. The client
// certificate goes into files: with `endpoint` and `tls` the stock plugin uses protobuf, as it does
// in a cluster.
func access(dir string, c *cluster.Cluster) (string, error) {
	cfg := c.Config()
	var paths []string
	for name, data := range map[string][]byte{"1.crt": cfg.CertData, "2.key": cfg.KeyData, "3.ca": cfg.CAData} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"1.crt", "2.key", "3.ca"} {
		paths = append(paths, filepath.Join(dir, name))
	}
	return fmt.Sprintf("endpoint %s\n\t\ttls %s", cfg.Host, strings.Join(paths, " ")), nil
}

// writeCorefile writes a Corefile that serves the cluster on a loopback port.
func writeCorefile(dir string, c *cluster.Cluster, port int, extra, option string) (string, error) {
	access, err := access(dir, c)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf(`.:%d {
	bind 127.0.0.1
	%s
	kubernetes cluster.local in-addr.arpa ip6.arpa {
		%s
		%s
		startup_timeout 5m
	}
}
`, port, extra, access, option)
	file := filepath.Join(dir, fmt.Sprintf("Corefile-%d", port))
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// server is a running server.
type server struct {
	*gauge.Process
	addr string
}

// startServer starts a contender's server, with an option of the kubernetes block or without, and waits
// until it answers for the cluster.
func startServer(ctx context.Context, dir string, who contender, c *cluster.Cluster, option string) (*server, error) {
	port, err := gauge.FreePort()
	if err != nil {
		return nil, err
	}
	corefile, err := writeCorefile(dir, c, port, "", option)
	if err != nil {
		return nil, err
	}
	p, err := gauge.Start(ctx, corefile+".log", who.binary(dir, "server"), "-conf", corefile)
	if err != nil {
		return nil, err
	}
	s := &server{Process: p, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	for range 30000 {
		if m, err := s.ask("service-0.team-0.svc.cluster.local.", dns.TypeA); err == nil && m.Rcode == dns.RcodeSuccess {
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Stop()
	return nil, fmt.Errorf("%s does not answer:\n%s", who.name, s.Log())
}

func (s *server) ask(name string, qtype uint16) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	c := dns.Client{Timeout: time.Second}
	r, _, err := c.Exchange(m, s.addr)
	return r, err
}

// running is a running meter.
type running struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	heap float64 // MB
}

func startMeter(ctx context.Context, dir string, who contender, c *cluster.Cluster) (*running, error) {
	port, err := gauge.FreePort()
	if err != nil {
		return nil, err
	}
	corefile, err := writeCorefile(dir, c, port, "meter", "")
	if err != nil {
		return nil, err
	}
	p := &running{cmd: exec.CommandContext(ctx, who.binary(dir, "meter"), corefile)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	var started meter.Started
	if err := p.out.Decode(&started); err != nil {
		return nil, fmt.Errorf("meter of %s: %w", who.name, err)
	}
	p.heap = float64(started.Heap) / (1 << 20)
	return p, nil
}

// cost measures one question.
func (p *running) cost(name, qtype string) (c meter.Cost, err error) {
	if _, err := fmt.Fprintln(p.in, name, qtype); err != nil {
		return c, err
	}
	err = p.out.Decode(&c)
	return c, err
}

func (p *running) stop() {
	p.in.Close()
	p.cmd.Wait()
}
