package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/bench/gauge"
)

// nodes is how many connections are held: 500 nodes' at most.
const nodes = 2000

// connections adds a row for what a connection of a node costs a CoreDNS pod: ours, and stock,
// which has no records without an API server, and so answers for less.
func (b *bench) connections(ctx context.Context) error {
	port, err := gauge.FreePort()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "hosts.conf")
	text := fmt.Sprintf(".:%d {\n\tbind 127.0.0.1\n\thosts {\n\t\t10.0.0.0 %s\n\t}\n}\n", port, name(0))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	p, err := gauge.Start(ctx, file+".log", b.programs.Stock, "-conf", file)
	if err != nil {
		return err
	}
	defer p.Stop()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if !answers(addr, name(0)) {
		return fmt.Errorf("stock does not answer:\n%s", p.Log())
	}
	fresh, err := startUpstream(ctx, b.dir, b.programs.CoreDNS)
	if err != nil {
		return err
	}
	defer fresh.Stop()
	var kb [count]float64
	if kb[ours], err = hold(fresh.Process, fresh.addr(0).String()); err != nil {
		return err
	}
	if kb[stock], err = hold(p, addr); err != nil {
		return err
	}
	b.table.add(row{what: "CoreDNS: an idle TCP connection, KB resident", of: kb})
	return nil
}

// hold opens connections, asks each one question, and returns how many KB each takes.
func hold(p *gauge.Process, addr string) (kb float64, err error) {
	before, err := p.Memory("VmRSS")
	if err != nil {
		return 0, err
	}
	m := new(dns.Msg)
	m.SetQuestion(name(0), dns.TypeA)
	for range nodes {
		c, err := dns.Dial("tcp", addr)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if err := c.WriteMsg(m); err != nil {
			return 0, err
		}
		if _, err := c.ReadMsg(); err != nil {
			return 0, err
		}
	}
	after, err := p.Memory("VmRSS")
	return (after - before) * 1024 / nodes, err
}
