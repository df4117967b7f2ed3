package express

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/bench/services"
)

// saturation is a row about a server that is asked as much as it can answer.
type saturation struct {
	what string
	kind func(int) question
	n    int // questions
	load gauge.Load
	of   []int // contenders
	aims []aim
}

var (
	all    = []int{ours, off, stock, unbound, echo}
	udp    = gauge.Load{Lasts: 1500 * time.Millisecond, Outstanding: 200, Binary: true}
	tcp    = gauge.Load{Lasts: 1500 * time.Millisecond, Outstanding: 400, Binary: true, TCP: true, Sockets: 8}
	little = []aim{times(8), share(1.4, echo)}
)

var saturations = []saturation{
	{"ClusterIP A", clusterIP, services.ClusterIP, udp, all, little},
	{"search-path NXDOMAIN", searchPath, services.ClusterIP, udp, all, little},
	{"endpoint PTR", endpointPTR, services.ClusterIP, udp, all, little},
	{"headless A, 50 endpoints, EDNS 1232", headlessA, services.Headless, udp, all, []aim{times(20)}},
	{"headless SRV, 50 endpoints, EDNS 1232, truncated", headlessSRV, services.Headless, udp, all, []aim{times(30)}},
	{"a mix", mixed, 10000, udp, all, []aim{times(8)}},
	{"TCP, 8 connections with 50 queries each: ClusterIP A", clusterIP, services.ClusterIP, tcp, all, []aim{times(5)}},
	{"— headless A, 50 endpoints", headlessA, services.Headless, tcp, all, nil},
	{"— headless SRV, 50 endpoints, whole", headlessSRV, services.Headless, tcp, all, nil},
	{"— the mix", mixed, 10000, tcp, all, []aim{times(5)}},
}

// speed adds rows for what answers cost, and for how long they take.
func (b *bench) speed(ctx context.Context) error {
	running, stop, err := b.startAll(ctx, all...)
	if err != nil {
		return err
	}
	defer stop()
	for _, s := range saturations {
		if err := b.saturate(ctx, running, s); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	for _, p := range []saturation{saturations[0], saturations[5]} {
		if err := b.pace(ctx, running, p); err != nil {
			return err
		}
	}
	return b.overtake(running)
}

// saturate adds a row for the processor time of an answer.
func (b *bench) saturate(ctx context.Context, running [count]*instance, s saturation) error {
	list := ask(s.kind, s.n)
	if err := same(running, s, list); err != nil {
		return err
	}
	var err error
	if s.load.File, err = b.queries(list); err != nil {
		return err
	}
	once := s.load // the first answers are compared with CoreDNS's own, and fill its cache
	once.Once, once.Lasts = true, time.Minute
	for _, i := range s.of {
		if _, _, err := running[i].cost(ctx, once); err != nil {
			return err
		}
	}
	f := new(figures)
	for range rounds {
		for _, i := range s.of {
			us, _, err := running[i].cost(ctx, s.load)
			if err != nil {
				return err
			}
			f.add(i, us)
		}
	}
	b.table.add(s.what+", CPU us", f.medians(), s.aims...)
	return nil
}

// same checks that the contenders give the same answers, or their costs mean nothing. unbound adds no
// addresses to SRV records.
func same(running [count]*instance, s saturation, list []question) error {
	network := "udp"
	if s.load.TCP {
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

// pace adds rows for what answers cost at 5,000 queries a second, and for how long they take. The
// contenders answered the same questions when they were saturated.
func (b *bench) pace(ctx context.Context, running [count]*instance, s saturation) error {
	l := gauge.Load{Lasts: 3 * time.Second, Outstanding: 200, Binary: true, Rate: 5000, Timed: true}
	var err error
	if l.File, err = b.queries(ask(s.kind, s.n)); err != nil {
		return err
	}
	cost, ms := new(figures), new(figures)
	for range rounds {
		for _, i := range s.of {
			us, o, err := running[i].cost(ctx, l)
			if err != nil {
				return err
			}
			cost.add(i, us)
			ms.add(i, gauge.P99(o.MS))
		}
	}
	b.table.add(s.what+", 5,000 a second, CPU us", cost.medians(), share(1./3, stock))
	b.table.add("— p99, ms", ms.medians(), share(1, stock))
	return nil
}
