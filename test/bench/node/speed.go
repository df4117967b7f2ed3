package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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

// hot is the number of names that the hits are for.
const hot = 1000

// hit is the cost of hits, and of the echo.
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

// hit measures a contender once, and together with ours the echo.
func (b *bench) hit(ctx context.Context, h *hit, i int, s, echo *instance) error {
	file, err := b.warm(s)
	if err != nil {
		return err
	}
	run := func(to *figures, s *instance, lasts time.Duration, rate int) {
		if err == nil {
			var us float64
			us, _, err = s.cost(ctx, gauge.Load{File: file, Lasts: lasts, Outstanding: 200, Rate: rate})
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

// warm makes servers cache the same new names. Their TTL is longer than a round takes.
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
		for range 5 { // a server may still be busy with what a flood has left
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

// missed is the cost of misses.
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
	const rate, most, seconds = 8000, 60000, 2 // a second: what is sent, and more than any can answer
	run := func(names int, l gauge.Load) (us float64, o gauge.Outcome, err error) {
		if l.File, err = b.names(seconds * names); err != nil {
			return 0, o, err
		}
		l.Once, l.Lasts, l.Outstanding = true, seconds*time.Second, 200
		return s.cost(ctx, l)
	}
	us, o, err := run(rate, gauge.Load{Rate: rate, Timed: true})
	if err != nil {
		return err
	}
	m.paced.add(i, us)
	m.pacedP99.add(i, gauge.P99(o.MS))
	m.lost.add(i, o.Sent-o.Answered)
	if us, o, err = run(most, gauge.Load{}); err != nil {
		return err
	}
	m.saturated.add(i, us)
	m.done.add(i, o.Answered/seconds/1000)
	if _, o, err = run(most, gauge.Load{Timed: true}); err != nil { // apart, as timing slows dnsperf down
		return err
	}
	m.saturatedP99.add(i, gauge.P99(o.MS))
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

// greedy are clients that send as much as they can.
var greedy = [2]struct {
	what string
	load gauge.Load
}{
	{"with 200 queries under way", gauge.Load{Outstanding: 200}},
	{"that waits for no answer", gauge.Load{Outstanding: 20000, Patience: 100 * time.Millisecond}},
}

// fairness is how a quiet client fares: how many milliseconds its answers took, in all rounds
// together, and the share of lost answers in each round, in percent. A lost answer took a second.
type fairness struct {
	alone  figures              // on an idle machine
	spared [len(greedy)]figures // while the greedy client asks another server
	beside [len(greedy)]figures // while it asks the same server
	lost   [len(greedy)]figures // of those
}

// flood adds rows for how a quiet client fares beside a greedy one.
//
// It measures how a contender treats its clients, and not how the machine's scheduler treats threads:
// a thread that wakes up may wait for milliseconds while another has the processor. So the contender
// has one processor to itself. The clients have the other, and there the quiet client has priority
// over the greedy one. For comparison, the greedy client also asks a twin of the contender, which
// runs on the clients' processor.
func (b *bench) flood(ctx context.Context) error {
	f := new(fairness)
	for i := range dnsmasq { // dnsmasq has no aim
		if err := b.fair(ctx, f, i); err != nil {
			return err
		}
	}
	f.addTo(&b.table)
	return nil
}

// How each of them is run. The quiet client's threads take turns (--rr): with --fifo, one could keep
// the other from ever running.
var (
	onItsOwn    = []string{"taskset", "--cpu-list", "0"}
	onTheOther  = []string{"taskset", "--cpu-list", "1"}
	beforeThose = append(slices.Clone(onTheOther), "chrt", "--rr", "1") // needs root
)

// fair measures a contender.
func (b *bench) fair(ctx context.Context, f *fairness, i int) error {
	var twins [2]*instance
	for n, by := range [...][]string{onItsOwn, onTheOther} {
		s, err := b.start(ctx, i, []string{"127.0.0.1"}, 0, by...)
		if err != nil {
			return err
		}
		defer s.Stop()
		twins[n] = s
	}
	for range rounds {
		if err := b.round(ctx, f, i, twins); err != nil {
			return err
		}
	}
	return nil
}

// round measures a contender once: alone, and beside each greedy client.
func (b *bench) round(ctx context.Context, f *fairness, i int, twins [2]*instance) error {
	ms, _, err := b.quiet(ctx, twins, gauge.Load{}, nil)
	if err != nil {
		return err
	}
	f.alone.add(i, ms...)
	for n, g := range greedy {
		if ms, _, err = b.quiet(ctx, twins, g.load, twins[1]); err != nil {
			return err
		}
		f.spared[n].add(i, ms...)
		ms, lost, err := b.quiet(ctx, twins, g.load, twins[0])
		if err != nil {
			return err
		}
		f.beside[n].add(i, ms...)
		f.lost[n].add(i, lost)
	}
	return nil
}

// quiet runs a quiet client on the first of the twins, while the other load, if there is one, runs on
// one of them. It returns how long the answers took, and the share of lost ones in percent.
func (b *bench) quiet(ctx context.Context, twins [2]*instance, other gauge.Load, on *instance) (ms []float64, lost float64, err error) {
	l := gauge.Load{From: "127.0.0.3", Lasts: 5 * time.Second, Rate: 100, Outstanding: 100, Patience: time.Second, Timed: true, By: beforeThose}
	if l.File, err = b.warm(twins[0], twins[1]); err != nil {
		return nil, 0, err
	}
	var o gauge.Outcome
	if on == nil {
		o, err = twins[0].run(ctx, l, twins[0].addresses[0])
	} else {
		o, err = beside(ctx, twins[0], l, other, on)
	}
	return o.MS, 100 * (1 - o.Answered/o.Sent), err
}

// beside runs a load on s while a greedy client runs another, on the same server or a twin.
func beside(ctx context.Context, s *instance, l, other gauge.Load, on *instance) (o gauge.Outcome, err error) {
	other.From, other.File, other.Lasts, other.By = "127.0.0.2", l.File, time.Hour, onTheOther
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := on.run(running, other, on.addresses[0])
		ended <- err
	}()
	time.Sleep(500 * time.Millisecond) // until it is at full speed
	o, err = s.run(ctx, l, s.addresses[0])
	select {
	case early := <-ended:
		err = errors.Join(err, fmt.Errorf("the greedy client ended: %v", early))
		stop()
	default:
		stop()
		<-ended
	}
	return o, err
}

func (f *fairness) addTo(t *table) {
	t.add(row{what: "a client at 100 a second, p99 ms", of: f.alone.p99s()})
	for n, g := range greedy {
		spared, beside := f.spared[n].p99s(), f.beside[n].p99s()
		var ratio [count]float64
		for i := range dnsmasq {
			ratio[i] = beside[i] / spared[i]
		}
		t.add(row{what: "— while one " + g.what + " asks another server", of: spared})
		t.add(row{what: "— while it asks the same server", of: beside})
		t.add(row{what: "— ratio of these two", of: ratio, most: 2})
		t.add(row{what: "— lost, %", of: f.lost[n].medians()})
	}
}
