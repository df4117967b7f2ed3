package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neardns/neardns/test/bench/gauge"
)

// greedy are clients that send all they can.
var greedy = [2]struct {
	what string
	load load
}{
	{"with 200 queries under way", load{outstanding: 200}},
	{"that waits for no answer", load{outstanding: 20000, patience: 100 * time.Millisecond}},
}

// fairness is how a quiet client fares alone, and beside each of the greedy: p99 in
// milliseconds, where a lost answer took a second, and the share of those in percent.
type fairness struct {
	alone        figures
	beside, lost [len(greedy)]figures
}

// flood adds rows for how a quiet client fares.
//
// How the contender treats the clients is what counts, and not how the machine's scheduler
// does: the quiet one has the processor first, then the contender, and a greedy one has what
// is left.
func (b *bench) flood(ctx context.Context) error {
	all, stop, err := b.startAll(ctx, "nice", "-n", "10")
	if err != nil {
		return err
	}
	defer stop()
	f := new(fairness)
	for range rounds {
		for i, s := range all {
			file, err := b.warm(s)
			if err != nil {
				return err
			}
			if err := f.measure(ctx, i, s, file); err != nil {
				return err
			}
		}
	}
	f.addTo(&b.table)
	return nil
}

func (f *fairness) measure(ctx context.Context, i int, s *instance, file string) error {
	quiet := load{from: "127.0.0.3", file: file, lasts: 2 * time.Second, rate: 100, outstanding: 100, patience: time.Second, timed: true}
	o, err := quiet.run(ctx, s, s.addresses[0])
	if err != nil {
		return err
	}
	f.alone.add(i, gauge.P99(o.ms))
	for n, g := range greedy {
		if o, err = quiet.beside(ctx, s, g.load); err != nil {
			return err
		}
		f.beside[n].add(i, gauge.P99(o.ms))
		f.lost[n].add(i, 100*(1-o.answered/o.sent))
	}
	return nil
}

// beside runs a load while a greedy client runs another.
func (l load) beside(ctx context.Context, s *instance, other load) (o outcome, err error) {
	other.from, other.file, other.lasts, other.idle = "127.0.0.2", l.file, time.Hour, true
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := other.run(running, s, s.addresses[0])
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
	alone := f.alone.medians()
	t.add(row{what: "a client at 100 a second, p99 ms", of: alone})
	for n, g := range greedy {
		beside := f.beside[n].medians()
		var ratio [count]float64
		for i := range ratio {
			ratio[i] = beside[i] / alone[i]
		}
		t.add(row{what: "— beside one " + g.what + ", p99 ms", of: beside})
		t.add(row{what: "— of that alone", of: ratio, most: 2})
		t.add(row{what: "— without answer, %", of: f.lost[n].medians()})
	}
}
