package node

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/bench/gauge"
)

// speed adds rows for what hits and misses cost.
func (b *bench) speed(ctx context.Context) error {
	all, stop, err := b.startAll(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := b.hits(ctx, all); err != nil {
		return err
	}
	return b.misses(ctx, all)
}

// hot is how many names the hits are of.
const hot = 1000

// hit is what hits of each contender cost, and answers that nobody looks up.
type hit struct{ saturated, echoed, paced figures }

func (b *bench) hits(ctx context.Context, all [count]*instance) error {
	echo, err := b.startEcho(ctx)
	if err != nil {
		return err
	}
	defer echo.Stop()
	h := new(hit)
	for range rounds {
		for i, s := range all {
			if err := b.hit(ctx, h, i, s, echo); err != nil {
				return err
			}
		}
	}
	b.table.add(row{what: "hits, saturated, CPU us", of: h.saturated.medians(), ofStock: 0.2, ofUnbound: 1})
	b.table.add(row{what: "— an echo by the same sockets, without a resolver", of: h.echoed.medians()})
	b.table.add(row{what: "hits, 5,000 a second, CPU us", of: h.paced.medians(), ofStock: 0.25, ofUnbound: 1.2})
	return nil
}

// hit measures a contender once, and beside ours the echo.
func (b *bench) hit(ctx context.Context, h *hit, i int, s, echo *instance) error {
	file, err := b.warm(s)
	if err != nil {
		return err
	}
	run := func(to *figures, s *instance, lasts time.Duration, rate int) {
		if err == nil {
			var us float64
			us, _, err = load{file: file, lasts: lasts, outstanding: 200, rate: rate}.cost(ctx, s)
			to.add(i, us)
		}
	}
	run(&h.saturated, s, 2*time.Second, 0)
	if i == ours {
		run(&h.echoed, echo, 2*time.Second, 0)
	}
	run(&h.paced, s, 3*time.Second, 5000)
	return err
}

// warm has servers cache the same new names. They live longer than a round takes.
func (b *bench) warm(servers ...*instance) (file string, err error) {
	first := b.asked + 1
	if file, err = b.names(hot); err != nil {
		return "", err
	}
	client := dns.Client{Timeout: 5 * time.Second}
	for n := range hot * len(servers) {
		s := servers[n%len(servers)]
		m := new(dns.Msg)
		m.SetQuestion(name(first+n/len(servers)), dns.TypeA)
		for range 5 { // one may still be at what a flood has left
			if _, _, err = client.Exchange(m, net.JoinHostPort(s.addresses[0], strconv.Itoa(s.port))); err == nil {
				break
			}
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return file, nil
}

// missed is what misses of each contender cost.
type missed struct {
	paced, pacedP99, lost         figures
	saturated, saturatedP99, done figures
	open                          figures // connections to the upstream
}

func (b *bench) misses(ctx context.Context, all [count]*instance) error {
	m := new(missed)
	for range rounds {
		for i, s := range all {
			seen := watch(s.upstream)
			err := b.miss(ctx, m, i, s)
			m.open.add(i, float64(seen.stop()))
			if err != nil {
				return err
			}
		}
	}
	m.addTo(&b.table)
	return nil
}

// miss measures a contender once, each time with names that nobody has asked for before.
func (b *bench) miss(ctx context.Context, m *missed, i int, s *instance) error {
	const rate, most, seconds = 8000, 60000, 2 // a second: offered, and more than any gets done
	run := func(names int, l load) (us float64, o outcome, err error) {
		if l.file, err = b.names(seconds * names); err != nil {
			return 0, o, err
		}
		l.once, l.lasts, l.outstanding = true, seconds*time.Second, 200
		return l.cost(ctx, s)
	}
	us, o, err := run(rate, load{rate: rate, timed: true})
	if err != nil {
		return err
	}
	m.paced.add(i, us)
	m.pacedP99.add(i, gauge.P99(o.ms))
	m.lost.add(i, o.sent-o.answered)
	if us, o, err = run(most, load{}); err != nil {
		return err
	}
	m.saturated.add(i, us)
	m.done.add(i, o.answered/seconds/1000)
	if _, o, err = run(most, load{timed: true}); err != nil { // which costs dnsperf time
		return err
	}
	m.saturatedP99.add(i, gauge.P99(o.ms))
	return nil
}

func (m *missed) addTo(t *table) {
	t.add(row{what: "misses, 8,000 a second, CPU us", of: m.paced.medians()})
	t.add(row{what: "— p99, ms", of: m.pacedP99.medians(), ofUnbound: 1})
	t.add(row{what: "— without answer", of: m.lost.medians()})
	t.add(row{what: "misses, 200 outstanding, CPU us", of: m.saturated.medians(), ofStock: 0.33, ofUnbound: 1})
	t.add(row{what: "— p99, ms", of: m.saturatedP99.medians(), ofUnbound: 1})
	t.add(row{what: "— thousands a second", of: m.done.medians()})
	t.add(row{what: "— connections to the upstream, most", of: m.open.most(), most: 4})
}
