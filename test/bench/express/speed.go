package express

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/bench/services"
)

// asking is what contenders are asked, as much of it as they can answer.
type asking struct {
	what  string
	kind  func(int) question
	n     int // questions
	load  gauge.Load
	aims  []aim
	paced bool // and then also 5,000 of it a second
}

var (
	udp    = gauge.Load{Lasts: time.Second, Outstanding: 200, Binary: true}
	tcp    = gauge.Load{Lasts: time.Second, Outstanding: 400, Binary: true, TCP: true, Sockets: 8}
	little = []aim{times(8), share(1.4, echo)}
)

// An answer over UDP with 50 SRV records is cut, by all contenders. Over TCP it is whole.
var askings = []asking{
	{"ClusterIP A", clusterIP, services.ClusterIP, udp, little, true},
	{"search-path NXDOMAIN", searchPath, services.ClusterIP, udp, little, false},
	{"endpoint PTR", endpointPTR, services.ClusterIP, udp, little, false},
	{"headless A, 50 endpoints, EDNS 1232", headlessA, services.Headless, udp, []aim{times(20)}, false},
	{"headless SRV, 50 endpoints, EDNS 1232, cut", headlessSRV, services.Headless, udp, []aim{times(30)}, false},
	{"the mix", mixed, 10000, udp, []aim{times(8)}, true},
	{"TCP, 8 connections with 50 queries each: ClusterIP A", clusterIP, services.ClusterIP, tcp, []aim{times(5)}, false},
	{"— headless SRV, 50 endpoints, whole", headlessSRV, services.Headless, tcp, []aim{times(5)}, false},
	{"— the mix", mixed, 10000, tcp, []aim{times(5)}, false},
}

// speed adds rows for what answers cost, and for how long they take.
func (b *bench) speed(ctx context.Context) error {
	running, stop, err := b.startAll(ctx, ours, off, stock, unbound, echo)
	if err != nil {
		return err
	}
	defer stop()
	for _, a := range askings {
		if err := b.saturate(ctx, running, a); err != nil {
			return fmt.Errorf("%s: %w", a.what, err)
		}
	}
	return b.overtake(running)
}

// saturate adds a row for the processor time of an answer, and more rows if a is paced.
func (b *bench) saturate(ctx context.Context, running [count]*instance, a asking) error {
	list := ask(a.kind, a.n)
	if err := same(running, a, list); err != nil {
		return err
	}
	var err error
	if a.load.File, err = b.queries(list); err != nil {
		return err
	}
	for _, s := range running {
		if err := s.warm(ctx, a.load); err != nil {
			return err
		}
	}
	f := new(figures)
	for range rounds {
		for i, s := range running {
			us, _, err := s.cost(ctx, a.load)
			if err != nil {
				return err
			}
			f.add(i, us)
		}
	}
	b.table.add(a.what+", CPU us", f.medians(), a.aims...)
	if a.paced {
		return b.pace(ctx, running, a.load)
	}
	return nil
}

// same checks that the contenders give the same answers, or their costs mean nothing. unbound adds no
// addresses to SRV records.
func same(running [count]*instance, a asking, list []question) error {
	network := "udp"
	if a.load.TCP {
		network = "tcp"
	}
	for _, q := range []question{list[0], list[len(list)/2], list[len(list)-1]} {
		var of [count]string
		for _, i := range []int{ours, off, stock, unbound} {
			m, err := running[i].exchange(network, q)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", running[i].name, q.name, err)
			}
			of[i] = dns.RcodeToString[m.Rcode]
			if i != unbound {
				of[i] += fmt.Sprintf(", %d answers, %d additional, truncated: %v", len(m.Answer), len(m.Extra), m.Truncated)
			} else if q.qtype != dns.TypeSRV && len(m.Answer) == 0 && m.Rcode == dns.RcodeSuccess {
				return fmt.Errorf("unbound does not know %s", q.name)
			}
		}
		if of[ours] != of[stock] || of[off] != of[stock] {
			return fmt.Errorf("%s: %q from neardns, %q with express off, %q from stock", q.name, of[ours], of[off], of[stock])
		}
	}
	return nil
}

// pace adds rows for what answers cost at 5,000 queries a second, and for how long they take.
func (b *bench) pace(ctx context.Context, running [count]*instance, l gauge.Load) error {
	l.Lasts, l.Rate, l.Timed = 2*time.Second, 5000, true
	cost, ms := new(figures), new(figures)
	for range rounds {
		for i, s := range running {
			us, o, err := s.cost(ctx, l)
			if err != nil {
				return err
			}
			cost.add(i, us)
			ms.add(i, gauge.P99(o.MS))
		}
	}
	b.table.add("— 5,000 a second, CPU us", cost.medians(), share(1./3, stock))
	b.table.add("— p99, ms", ms.medians(), share(1, stock))
	return nil
}

// behind adds a row for what a miss of the node cache costs, together with the answer of the server
// that it asks. That server has answered each question before: the lane compares hardly any more.
func (b *bench) behind(ctx context.Context) error {
	var list []question
	for _, q := range b.objects.names() {
		if q.qtype == dns.TypeA && q.size == 0 {
			list = append(list, q)
		}
	}
	miss := gauge.Load{Binary: true, Once: true, Lasts: 2 * time.Second, Outstanding: 200}
	var err error
	if miss.File, err = b.queries(list); err != nil {
		return err
	}
	who := []int{ours, off, stock}
	running, stop, err := b.startAll(ctx, who...)
	if err != nil {
		return err
	}
	defer stop()
	for _, i := range who {
		if err := running[i].warm(ctx, miss); err != nil {
			return err
		}
	}
	f := new(figures)
	for range rounds {
		for _, i := range who {
			us, err := b.miss(ctx, running[i], miss)
			if err != nil {
				return err
			}
			f.add(i, us)
		}
	}
	b.table.add("a node cache before it: CPU us of both for a miss", f.medians(), share(0.5, off))
	return nil
}

// miss measures with a new node cache, which has nothing in its cache.
func (b *bench) miss(ctx context.Context, s *instance, l gauge.Load) (us float64, err error) {
	port, err := gauge.FreePort()
	if err != nil {
		return 0, err
	}
	metrics, err := gauge.FreePort()
	if err != nil {
		return 0, err
	}
	at := netip.AddrPortFrom(s.at.Addr(), uint16(port))
	file := filepath.Join(b.dir, fmt.Sprintf("nodecache-%d.conf", port))
	if err := os.WriteFile(file, []byte(nodeCorefile(at, s.at, metrics)), 0o600); err != nil {
		return 0, err
	}
	p, err := gauge.Start(ctx, file+".log", b.programs.NodeCache, "-conf", file, "-metrics-listen-address", "")
	if err != nil {
		return 0, err
	}
	cache := &instance{Process: p, name: "node cache", at: at}
	defer cache.Stop()
	if err := cache.wait(); err != nil {
		return 0, err
	}
	if us, _, err = l.Cost(ctx, at, p, s.Process); err != nil {
		err = fmt.Errorf("%s: %w\n%s", s.name, err, p.Log())
	}
	return us, err
}

// nodeCorefile is the part for the cluster's zone of the Corefile that a node cache has.
func nodeCorefile(at, upstream netip.AddrPort, metrics int) string {
	return fmt.Sprintf(`cluster.local:%d {
	errors
	cache {
		success 9984 30
		denial 9984 5
	}
	bind %s
	forward . %s {
		force_tcp
	}
	prometheus 127.0.0.1:%d
}
`, at.Port(), at.Addr(), upstream, metrics)
}

// overtake adds a row for how long cluster names take that are asked right behind a slow name, on
// the same connection.
func (b *bench) overtake(running [count]*instance) error {
	f := new(figures)
	for range rounds {
		for _, i := range []int{ours, off, stock} {
			d, err := behindSlow(running[i])
			if err != nil {
				return fmt.Errorf("%s: behind a slow query: %w", running[i].name, err)
			}
			f.add(i, float64(d.Microseconds())/1000)
		}
	}
	b.table.add(fmt.Sprintf("— 10 behind one that is forwarded and takes %d ms: ms to the last", slowness.Milliseconds()), f.medians(), share(0.1, stock))
	return nil
}

// behindSlow asks for a slow name and then for 10 of the cluster, without waiting, and returns how
// long it took until these were answered.
func behindSlow(s *instance) (time.Duration, error) {
	c, err := dns.DialTimeout("tcp", s.at.String(), time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	began := time.Now()
	slow := question{name: fmt.Sprintf("slow-%d.example.org.", began.UnixNano()), qtype: dns.TypeA}.message()
	waiting := map[uint16]bool{}
	if err := c.WriteMsg(slow); err != nil {
		return 0, err
	}
	for i := range 10 {
		m := clusterIP(i).message()
		m.Id = slow.Id + 1 + uint16(i)
		waiting[m.Id] = true
		if err := c.WriteMsg(m); err != nil {
			return 0, err
		}
	}
	for len(waiting) > 0 {
		m, err := c.ReadMsg()
		if err != nil {
			return 0, err
		}
		delete(waiting, m.Id)
	}
	return time.Since(began), nil
}
