package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// greedy are clients that send all they can.
var greedy = [2]struct {
	what string
	load load
}{
	{"with 200 queries under way", load{outstanding: 200}},
	{"that waits for no answer", load{outstanding: 20000, patience: 100 * time.Millisecond}},
}

// fairness is how a quiet client fares: the milliseconds that its answers took in all rounds,
// where a lost one took a second, and each round's share of lost ones in percent.
type fairness struct {
	alone  figures              // on an idle machine
	spared [len(greedy)]figures // while the greedy client asks another server
	beside [len(greedy)]figures // while it asks the same server
	lost   [len(greedy)]figures // of those
}

// flood adds rows for how a quiet client fares beside a greedy one.
//
// How a contender treats its clients is what counts, and not how the machine's scheduler treats
// threads: one that is woken may wait milliseconds for another that has the processor. So a
// contender has one processor to itself. The clients have another, the quiet one before the
// greedy one, and there is the twin of the contender that a greedy client asks for comparison.
func (b *bench) flood(ctx context.Context) error {
	f := new(fairness)
	for i := range dnsmasq { // which has no aim
		if err := b.fair(ctx, f, i); err != nil {
			return err
		}
	}
	f.addTo(&b.table)
	return nil
}

// How each is run. The quiet client's threads take turns: with --fifo, one of them can keep the
// other from ever running.
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
	ms, _, err := b.quiet(ctx, twins, load{}, nil)
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

// quiet runs a quiet client on the first of the twins, while another runs on one of them, if
// that is given. It returns how long the answers took, and the share of lost ones in percent.
func (b *bench) quiet(ctx context.Context, twins [2]*instance, other load, on *instance) (ms []float64, lost float64, err error) {
	l := load{from: "127.0.0.3", lasts: 5 * time.Second, rate: 100, outstanding: 100, patience: time.Second, timed: true, by: beforeThose}
	if l.file, err = b.warm(twins[0], twins[1]); err != nil {
		return nil, 0, err
	}
	var o outcome
	if on == nil {
		o, err = l.run(ctx, twins[0], twins[0].addresses[0])
	} else {
		o, err = l.beside(ctx, twins[0], other, on)
	}
	return o.ms, 100 * (1 - o.answered/o.sent), err
}

// beside runs a load on s while a greedy client runs another, on the same server or a twin.
func (l load) beside(ctx context.Context, s *instance, other load, on *instance) (o outcome, err error) {
	other.from, other.file, other.lasts, other.by = "127.0.0.2", l.file, time.Hour, onTheOther
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := other.run(running, on, on.addresses[0])
		ended <- err
	}()
	time.Sleep(500 * time.Millisecond) // until it is at full speed
	o, err = l.run(ctx, s, s.addresses[0])
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
