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

func (b *bench) hits(ctx context.Context, all [count]*instance) error {
	var saturated, paced figures
	for range rounds {
		for i, s := range all {
			file, err := b.warm(s)
			if err != nil {
				return err
			}
			us, _, err := load{file: file, lasts: 2 * time.Second, outstanding: 200}.cost(ctx, s)
			if err != nil {
				return err
			}
			saturated.add(i, us)
			us, _, err = load{file: file, lasts: 3 * time.Second, outstanding: 200, rate: 5000}.cost(ctx, s)
			if err != nil {
				return err
			}
			paced.add(i, us)
		}
	}
	b.table.add(row{what: "hits, saturated, CPU us", of: saturated.medians(), ofStock: 0.2, ofUnbound: 1})
	b.table.add(row{what: "hits, 5,000 a second, CPU us", of: paced.medians(), ofStock: 0.25, ofUnbound: 1.2})
	return nil
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
		if _, _, err = client.Exchange(m, net.JoinHostPort(s.addresses[0], strconv.Itoa(s.port))); err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return file, nil
}

func (b *bench) misses(ctx context.Context, all [count]*instance) error {
	const rate, most = 8000, 60000 // a second: offered, and more than any gets done
	var paced, p99, lost, open, saturated, done figures
	for range rounds {
		for i, s := range all {
			file, err := b.names(3 * rate)
			if err != nil {
				return err
			}
			seen := watch(s.upstream)
			us, o, err := load{file: file, once: true, lasts: 3 * time.Second, outstanding: 200, rate: rate, timed: true}.cost(ctx, s)
			if err != nil {
				seen.stop()
				return err
			}
			paced.add(i, us)
			p99.add(i, gauge.P99(o.ms))
			lost.add(i, o.sent-o.answered)
			if file, err = b.names(2 * most); err != nil {
				seen.stop()
				return err
			}
			us, o, err = load{file: file, once: true, lasts: 2 * time.Second, outstanding: 200}.cost(ctx, s)
			open.add(i, float64(seen.stop()))
			if err != nil {
				return err
			}
			saturated.add(i, us)
			done.add(i, o.answered/2/1000)
		}
	}
	b.table.add(row{what: "misses, 8,000 a second, CPU us", of: paced.medians(), ofUnbound: 1})
	b.table.add(row{what: "— p99, ms", of: p99.medians(), ofUnbound: 1})
	b.table.add(row{what: "— without answer", of: lost.medians()})
	b.table.add(row{what: "misses, saturated, CPU us", of: saturated.medians(), ofStock: 0.33, ofUnbound: 1})
	b.table.add(row{what: "— thousands a second", of: done.medians()})
	b.table.add(row{what: "— connections to the upstream, most", of: open.medians(), most: 4})
	return nil
}
