package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	idle   figures              // on an idle machine
	spared [len(greedy)]figures // while the greedy client asks another server
	beside [len(greedy)]figures // while it asks the same server
	lost   [len(greedy)]figures // of those
}

// flood adds rows for how a quiet client fares beside a greedy one.
//
// How a contender treats its clients is what counts, and not how the machine's scheduler does:
// an ordinary thread that is woken may wait milliseconds for another that has the processor,
// whatever their nice values. So, by real-time priorities (sched(7)), the quiet client has it
// first, then the contender, and the greedy client has what is left; and the machine is as
// busy where that asks another server, a twin of the contender's.
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

// fair measures a contender.
func (b *bench) fair(ctx context.Context, f *fairness, i int) error {
	var twins [2]*instance
	for n := range twins {
		s, err := b.start(ctx, i, []string{"127.0.0.1"}, 0, realtime(1)...)
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
	quiet := load{from: "127.0.0.3", lasts: 5 * time.Second, rate: 100, outstanding: 100, patience: time.Second, timed: true, realtime: 2}
	measure := func(other *load, on *instance) (o outcome, err error) {
		if quiet.file, err = b.warm(twins[0], twins[1]); err != nil {
			return o, err
		}
		if other == nil {
			return quiet.run(ctx, twins[0], twins[0].addresses[0])
		}
		return quiet.beside(ctx, twins[0], *other, on)
	}
	o, err := measure(nil, nil)
	if err != nil {
		return err
	}
	f.idle.add(i, o.ms...)
	for n, g := range greedy {
		if o, err = measure(&g.load, twins[1]); err != nil {
			return err
		}
		f.spared[n].add(i, o.ms...)
		if o, err = measure(&g.load, twins[0]); err != nil {
			return err
		}
		f.beside[n].add(i, o.ms...)
		f.lost[n].add(i, 100*(1-o.answered/o.sent))
	}
	return nil
}

// beside runs a load on s while a greedy client runs another, on the same server or a twin.
func (l load) beside(ctx context.Context, s *instance, other load, on *instance) (o outcome, err error) {
	other.from, other.file, other.lasts = "127.0.0.2", l.file, time.Hour
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

// realtime is what runs a command ahead of all ordinary processes. It needs root.
func realtime(priority int) []string { return []string{"chrt", "--fifo", strconv.Itoa(priority)} }

func (f *fairness) addTo(t *table) {
	t.add(row{what: "a client at 100 a second, p99 ms", of: f.idle.p99s()})
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
