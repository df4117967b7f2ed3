package node

import (
	"context"
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

// besideFlood runs a load while another client sends all it can.
func (l load) besideFlood(ctx context.Context, s *instance) (o outcome, err error) {
	ctx, stop := context.WithCancel(ctx)
	other := load{from: "127.0.0.2", file: l.file, outstanding: 2000}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		other.run(ctx, s, s.addresses[0]) // until it is killed
	}()
	defer func() { stop(); <-ended }()
	time.Sleep(500 * time.Millisecond) // until it is at full speed
	return l.run(ctx, s, s.addresses[0])
}
