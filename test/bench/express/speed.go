package express

import (
	"context"
	"fmt"
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
