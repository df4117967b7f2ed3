package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/bench/gauge"
)

// The contenders, in the order of the table's columns.
const (
	ours = iota
	stock
	unbound
	dnsmasq
	count
)

// contender is a caching resolver.
type contender struct {
	name   string
	args   func(config string) []string
	config func(setting) string
}

var contenders = [count]contender{
	{"neardns", func(file string) []string { return []string{"-conf", file, "-metrics-listen-address", ""} }, corefile},
	{"stock", func(file string) []string { return []string{"-conf", file} }, corefile},
	{"unbound", func(file string) []string { return []string{"-d", "-c", file} }, unboundConf},
	{"dnsmasq", func(file string) []string { return []string{"--keep-in-foreground", "--conf-file=" + file} }, dnsmasqConf},
}

// program returns the file to run: Debian's, or one that was built.
func (b *bench) program(i int) string {
	switch i {
	case ours:
		return b.programs.NodeCache
	case stock:
		return b.programs.Stock
	case unbound:
		return "/usr/sbin/unbound"
	}
	return "/usr/sbin/dnsmasq"
}

// instance is a running contender.
type instance struct {
	*gauge.Process
	setting
	name string
}

// start starts a contender, by a program such as env if one is given, and waits until it
// answers on each address.
func (b *bench) start(ctx context.Context, i int, addresses []string, entries int, by ...string) (*instance, error) {
	c := contenders[i]
	s := setting{dir: b.dir, addresses: addresses, upstream: b.upstream.addr(i), entries: entries}
	for _, port := range []*int{&s.port, &s.metrics, &s.health} {
		var err error
		if *port, err = gauge.FreePort(); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(b.dir, fmt.Sprintf("%s-%d.conf", c.name, s.port))
	if err := os.WriteFile(file, []byte(c.config(s)), 0o600); err != nil {
		return nil, err
	}
	p, err := gauge.Start(ctx, file+".log", slices.Concat(by, []string{b.program(i)}, c.args(file))...)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		if !answers(net.JoinHostPort(address, strconv.Itoa(s.port)), name(0)) {
			p.Stop()
			return nil, fmt.Errorf("%s does not answer on %s:\n%s", c.name, address, p.Log())
		}
	}
	return &instance{p, s, c.name}, nil
}

// startEcho starts what answers by the same sockets as the node cache, without a resolver.
func (b *bench) startEcho(ctx context.Context) (*instance, error) {
	s := setting{addresses: []string{"127.0.0.1"}}
	var err error
	if s.port, err = gauge.FreePort(); err != nil {
		return nil, err
	}
	p, err := gauge.Start(ctx, filepath.Join(b.dir, "echo.log"), b.programs.Echo, net.JoinHostPort(s.addresses[0], strconv.Itoa(s.port)))
	if err != nil {
		return nil, err
	}
	return &instance{p, s, "echo"}, nil
}

// startAll starts all contenders, each on 127.0.0.1.
func (b *bench) startAll(ctx context.Context) (all [count]*instance, stop func(), err error) {
	stop = func() {
		for _, s := range all {
			if s != nil {
				s.Stop()
			}
		}
	}
	for i := range all {
		if all[i], err = b.start(ctx, i, []string{"127.0.0.1"}, 0); err != nil {
			stop()
			return all, nil, err
		}
	}
	return all, stop, nil
}

// answers waits for an answer.
func answers(server, name string) bool {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	client := dns.Client{Timeout: time.Second}
	for range 100 {
		if r, _, err := client.Exchange(m, server); err == nil && len(r.Answer) > 0 {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}
