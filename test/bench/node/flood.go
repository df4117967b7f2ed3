package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neardns/neardns/test/bench/gauge"
)

// flood adds rows for how a quiet client fares alone, and beside one that sends all it can.
func (b *bench) flood(ctx context.Context) error {
	all, stop, err := b.startAll(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var alone, beside figures
	const turns = 5 // of 200 answers each: the slowest are chance
	for range turns {
		for i, s := range all {
			file, err := b.warm(s)
			if err != nil {
				return err
			}
			quiet := load{from: "127.0.0.3", file: file, lasts: 2 * time.Second, rate: 100, outstanding: 100, timed: true}
			o, err := quiet.run(ctx, s, s.addresses[0])
			if err != nil {
				return err
			}
			alone.add(i, gauge.P99(o.ms))
			if o, err = quiet.besideFlood(ctx, s); err != nil {
				return err
			}
			beside.add(i, gauge.P99(o.ms))
		}
	}
	a, f := alone.medians(), beside.medians()
	var ratio [count]float64
	for i := range ratio {
		ratio[i] = f[i] / a[i]
	}
	b.table.add(row{what: "a client at 100 a second, p99 ms", of: a})
	b.table.add(row{what: "— beside one that sends all it can, p99 ms", of: f})
	b.table.add(row{what: "— of that alone", of: ratio, most: 2})
	return nil
}

// besideFlood runs a load while another client sends all it can. That one has the processor
// time that the contender and the quiet client leave (SCHED_IDLE): how the contender treats
// them counts, not how the machine's scheduler does.
func (l load) besideFlood(ctx context.Context, s *instance) (o outcome, err error) {
	ctx, stop := context.WithCancel(ctx)
	other := load{from: "127.0.0.2", file: l.file, lasts: time.Hour, outstanding: 20000, flood: true}
	ended := make(chan error, 1)
	go func() {
		_, err := other.run(ctx, s, s.addresses[0])
		ended <- err
	}()
	time.Sleep(500 * time.Millisecond) // until it is at full speed
	o, err = l.run(ctx, s, s.addresses[0])
	select {
	case early := <-ended:
		err = errors.Join(err, fmt.Errorf("the flood ended: %v", early))
		stop()
	default:
		stop()
		<-ended
	}
	return o, err
}
