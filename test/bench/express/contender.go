package express

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/bench/gauge"
)

// The contenders, in the order of the table's columns.
const (
	ours = iota
	off  // ours with `express off`
	stock
	unbound
	echo
	count
)

var names = [count]string{"neardns", "express off", "stock", "unbound", "echo"}

// instance is a running contender.
type instance struct {
	*gauge.Process
	name string
	at   netip.AddrPort
}

// start starts a contender and waits until it answers. A CoreDNS takes its records from a source,
// which is lines of the kubernetes block.
func (b *bench) start(ctx context.Context, who int, source string) (*instance, error) {
	port, err := gauge.FreePort()
	if err != nil {
		return nil, err
	}
	s := &instance{name: names[who], at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
	command, err := b.command(who, s.at, source)
	if err != nil {
		return nil, err
	}
	log := filepath.Join(b.dir, fmt.Sprintf("express-%d.log", port))
	if s.Process, err = gauge.Start(ctx, log, command...); err != nil {
		return nil, err
	}
	if err := s.wait(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// startAll starts contenders with the measured cluster: stock follows the API server, and ours have
// it from a file.
func (b *bench) startAll(ctx context.Context, who ...int) (running [count]*instance, stop func(), err error) {
	stop = func() {
		for _, s := range running {
			if s != nil {
				s.Stop()
			}
		}
	}
	for _, i := range who {
		source := "snapshot " + b.snapshot
		if i == stock {
			source = b.api.Access
		}
		if running[i], err = b.start(ctx, i, source); err != nil {
			stop()
			return running, nil, err
		}
	}
	return running, stop, nil
}

// wait waits until a contender answers for the cluster.
func (s *instance) wait() error {
	const patience = 5 * time.Minute // stock lists 100,000 endpoints first
	q := clusterIP(0)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if m, err := s.exchange("udp", q); err == nil && m.Rcode == dns.RcodeSuccess {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer:\n%s", s.name, s.Log())
}

func (s *instance) exchange(network string, q question) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: time.Second, UDPSize: dns.MaxMsgSize}
	m, _, err := c.Exchange(q.message(), s.at.String())
	return m, err
}

// cost runs a load and returns how many microseconds of processor time each answer cost the contender.
func (s *instance) cost(ctx context.Context, l gauge.Load) (us float64, o gauge.Outcome, err error) {
	if us, o, err = l.Cost(ctx, s.at, s.Process); err != nil {
		err = fmt.Errorf("%s: %w\n%s", s.name, err, s.Log())
	}
	return us, o, err
}

// warm asks each question of a load several times: the lane compares its first answers with CoreDNS's,
// though not all of a burst at its first time, and CoreDNS fills its cache.
func (s *instance) warm(ctx context.Context, l gauge.Load) error {
	l.Once, l.Lasts = true, time.Minute
	for range 3 {
		if _, _, err := s.cost(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// command writes a contender's configuration, and returns how to run it.
func (b *bench) command(who int, at netip.AddrPort, source string) ([]string, error) {
	file := filepath.Join(b.dir, fmt.Sprintf("express-%d.conf", at.Port()))
	switch who {
	case off:
		source += "\n\t\texpress off"
		fallthrough
	case ours:
		return []string{b.programs.CoreDNS, "-conf", file}, b.corefile(file, at, source)
	case stock:
		return []string{b.programs.Stock, "-conf", file}, b.corefile(file, at, source)
	case unbound:
		return []string{"/usr/sbin/unbound", "-d", "-c", file}, b.unboundConf(file, at)
	}
	return []string{b.programs.Echo, fmt.Sprintf("[::]:%d", at.Port())}, nil
}

// corefile writes the Corefile that kubeadm 1.37 installs (cmd/kubeadm/app/phases/addons/dns/manifests.go
// of Kubernetes), with ports of its own, another upstream, and the source of the records.
func (b *bench) corefile(file string, at netip.AddrPort, source string) error {
	var ports [3]int
	for i := range ports {
		var err error
		if ports[i], err = gauge.FreePort(); err != nil {
			return err
		}
	}
	text := fmt.Sprintf(`.:%d {
	errors
	health 127.0.0.1:%d {
		lameduck 5s
	}
	ready 127.0.0.1:%d
	kubernetes cluster.local in-addr.arpa ip6.arpa {
		pods insecure
		fallthrough in-addr.arpa ip6.arpa
		ttl 30
		startup_timeout 5m
		%s
	}
	prometheus 127.0.0.1:%d
	forward . %s {
		max_concurrent 1000
	}
	cache 30 {
		disable success cluster.local
		disable denial cluster.local
	}
	loop
	reload
	loadbalance
}
`, at.Port(), ports[0], ports[1], source, ports[2], b.upstream.at)
	return os.WriteFile(file, []byte(text), 0o600)
}

// unboundConf gives unbound every record of the cluster as local data. It has a thread for each of
// the two CPUs on which the published figures were measured.
func (b *bench) unboundConf(file string, at netip.AddrPort) error {
	return write(file, func(w io.Writer) error {
		fmt.Fprintf(w, `server:
	interface: %s
	port: %d
	num-threads: 2
	directory: %q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	module-config: "iterator"
	max-udp-size: 4096
`, at.Addr(), at.Port(), b.dir)
		for _, zone := range []string{"cluster.local.", "in-addr.arpa."} {
			fmt.Fprintf(w, "\tlocal-zone: %q static\n", zone)
			fmt.Fprintf(w, "\tlocal-data: \"%s 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5\"\n", zone)
		}
		var err error
		b.objects.records(func(owner, data string) {
			_, err = fmt.Fprintf(w, "\tlocal-data: \"%s 30 IN %s\"\n", owner, data)
		})
		return err
	})
}

// queries writes a file of queries as dnsperf -B reads it.
func (b *bench) queries(list []question) (file string, err error) {
	b.files++
	file = filepath.Join(b.dir, fmt.Sprintf("queries-%d", b.files))
	return file, write(file, func(w io.Writer) error {
		for _, q := range list {
			packed, err := q.message().Pack()
			if err != nil {
				return err
			}
			framed := binary.BigEndian.AppendUint16(nil, uint16(len(packed)))
			if _, err := w.Write(append(framed, packed...)); err != nil {
				return err
			}
		}
		return nil
	})
}
