// Package node measures the node cache beside what it replaces (CoreDNS with the Corefile of
// today's node-local cache) and what it is compared with (unbound and dnsmasq), on loopback, in one
// run.
//
//	dnsperf --UDP--> contender --TCP (dnsmasq: UDP)--> our CoreDNS
//
// The contenders take turns, each several times, and medians count: some differences are smaller
// than the machine's noise.
package node

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/bench/gauge"
)

// Programs are the files of the built programs.
type Programs struct{ NodeCache, Echo, CoreDNS, Stock string }

// rounds is how many turns each contender has.
const rounds = 3

// bench is a run.
type bench struct {
	dir      string
	programs Programs
	upstream *upstream
	table    table
	asked    int // names that were asked for so far
}

// Measure measures, and prints one table. Files go to dir.
func Measure(ctx context.Context, dir string, p Programs) error {
	u, err := startUpstream(ctx, dir, p.CoreDNS)
	if err != nil {
		return err
	}
	defer u.Stop()
	b := &bench{dir: dir, programs: p, upstream: u}
	for _, part := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"hits and misses", b.speed},
		{"a flood", b.flood},
		{"memory", b.memory},
		{"a million names", b.million},
	} {
		fmt.Fprintln(os.Stderr, "bench: node cache,", part.what)
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	return nil
}

// figures are the results of each contender's rounds.
type figures [count][]float64

func (f *figures) add(i int, v ...float64) { f[i] = append(f[i], v...) }

// medians returns each contender's median.
func (f *figures) medians() (v [count]float64) {
	for i := range f {
		v[i] = gauge.Median(f[i])
	}
	return v
}

// most returns each contender's greatest.
func (f *figures) most() (v [count]float64) {
	for i := range f {
		v[i] = slices.Max(f[i])
	}
	return v
}

// p99s returns each contender's 99th percentile.
func (f *figures) p99s() (v [count]float64) {
	for i := range f {
		v[i] = gauge.P99(f[i])
	}
	return v
}

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

// program returns the file to run: Debian's, or one that we built.
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

// start starts a contender and waits until it answers on each address. A program such as env may
// start it.
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

// run runs a load against a contender, at one of its addresses.
func (s *instance) run(ctx context.Context, l gauge.Load, address string) (gauge.Outcome, error) {
	o, err := l.Run(ctx, s.at(address))
	return o, s.explain(err)
}

// cost runs a load against a contender, and returns what gauge.Load.Cost does.
func (s *instance) cost(ctx context.Context, l gauge.Load) (us float64, o gauge.Outcome, err error) {
	us, o, err = l.Cost(ctx, s.at(s.addresses[0]), s.Process)
	return us, o, s.explain(err)
}

func (s *instance) at(address string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(address), uint16(s.port))
}

// explain adds what the contender has printed to an error.
func (s *instance) explain(err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", s.name, err, s.Log())
	}
	return err
}

// startEcho starts the echo, which answers over the same kind of sockets as the node cache, without
// a resolver.
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

// answers waits until the address answers.
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

// setting is what a contender's configuration depends on.
type setting struct {
	dir       string
	addresses []string // to answer on
	port      int
	metrics   int // port
	health    int // port
	upstream  netip.AddrPort
	entries   int // of the cache; 0: as many as the node-local cache has
}

// nodeLocal is the number of entries in the Corefile of today's node-local cache.
const nodeLocal = 9984

// corefile returns that Corefile (cluster/addons/dns/nodelocaldns/nodelocaldns.yaml of
// Kubernetes 1.37), on loopback.
func corefile(s setting) string {
	entries := s.entries
	if entries == 0 {
		entries = nodeLocal
	}
	cluster := fmt.Sprintf("cache {\n\t\tsuccess %d 30\n\t\tdenial 9984 5\n\t}\n\thealth 127.0.0.1:%d", entries, s.health)
	return s.block("cluster.local", cluster, "{\n\t\tforce_tcp\n\t}") +
		s.block("in-addr.arpa", "cache 30", "{\n\t\tforce_tcp\n\t}") +
		s.block("ip6.arpa", "cache 30", "{\n\t\tforce_tcp\n\t}") +
		s.block(".", "cache 30", "")
}

func (s setting) block(zone, cache, how string) string {
	return fmt.Sprintf(`%s:%d {
	errors
	%s
	reload
	loop
	bind %s
	forward . %s %s
	prometheus 127.0.0.1:%d
}
`, zone, s.port, cache, strings.Join(s.addresses, " "), s.upstream, how, s.metrics)
}

// unboundConf forwards everything over TCP. It has a thread for each of the two CPUs on which the
// published figures were measured. It does not validate, as the others do not.
func unboundConf(s setting) string {
	var text strings.Builder
	fmt.Fprintf(&text, "server:\n")
	for _, addr := range s.addresses {
		fmt.Fprintf(&text, "\tinterface: %s\n", addr)
	}
	fmt.Fprintf(&text, `	port: %d
	num-threads: 2
	directory: %q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	do-not-query-localhost: no
	module-config: "iterator"
forward-zone:
	name: "."
	forward-addr: %s@%d
	forward-tcp-upstream: yes
`, s.port, s.dir, s.upstream.Addr(), s.upstream.Port())
	return text.String()
}

// dnsmasqConf forwards everything over UDP: dnsmasq asks over TCP only for queries that came over
// TCP.
func dnsmasqConf(s setting) string {
	return fmt.Sprintf(`port=%d
listen-address=%s
bind-interfaces
no-resolv
no-hosts
no-poll
server=%s#%d
cache-size=10000
dns-forward-max=1000
pid-file=
`, s.port, strings.Join(s.addresses, ","), s.upstream.Addr(), s.upstream.Port())
}

// names writes a file with questions for n names that nobody has asked for before.
func (b *bench) names(n int) (file string, err error) {
	var text bytes.Buffer
	for range n {
		b.asked++
		fmt.Fprintf(&text, "%s A\n", name(b.asked))
	}
	file = filepath.Join(b.dir, "names")
	return file, os.WriteFile(file, text.Bytes(), 0o600)
}
