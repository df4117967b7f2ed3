package node

import (
	"context"
	"fmt"
	"time"

	"github.com/neardns/neardns/test/bench/gauge"
)

// memory adds rows for the resident memory of each contender with 10,000 names in the cache.
func (b *bench) memory(ctx context.Context) error {
	one := []string{"127.0.0.1"}
	four := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}
	for _, c := range []struct {
		what      string
		addresses []string
		by        []string
	}{
		{"resident with 10,000 names, MB", one, nil},
		{"— on 4 addresses of 8 sockets each", four, []string{"env", "GOMAXPROCS=8"}}, // a socket for each
	} {
		var mb [count]float64
		for i := range contenders {
			var err error
			if mb[i], err = b.resident(ctx, i, c.addresses, c.by...); err != nil {
				return err
			}
		}
		b.table.add(row{what: c.what, of: mb, most: 25})
	}
	return nil
}

// resident starts a contender and asks it for 10,000 names on each of its addresses. It returns its
// resident memory in MB.
func (b *bench) resident(ctx context.Context, i int, addresses []string, by ...string) (float64, error) {
	const names = 10000
	s, err := b.start(ctx, i, addresses, 2*names, by...) // no shard of the cache overflows
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	file, err := b.names(names)
	if err != nil {
		return 0, err
	}
	for _, address := range addresses {
		if _, err := s.run(ctx, gauge.Load{File: file, Once: true, Outstanding: 200}, address); err != nil {
			return 0, err
		}
	}
	return s.Memory("VmRSS")
}

// million adds rows for the resident memory of our cache while it is asked for new names only.
func (b *bench) million(ctx context.Context) error {
	s, err := b.start(ctx, ours, []string{"127.0.0.1"}, 0)
	if err != nil {
		return err
	}
	defer s.Stop()
	var mb [2]float64
	for i := range mb {
		const names = 500000
		file, err := b.names(names)
		if err != nil {
			return err
		}
		o, err := s.run(ctx, gauge.Load{File: file, Once: true, Outstanding: 200, Lasts: 2 * time.Minute}, s.addresses[0])
		if err != nil {
			return err
		}
		if o.Sent != names {
			return fmt.Errorf("dnsperf sent %.0f of %d names within its time", o.Sent, names)
		}
		if mb[i], err = s.Memory("VmRSS"); err != nil {
			return err
		}
	}
	const noise = 1.1 // memory that the garbage collector has not given back yet
	b.table.add(row{what: "resident after 500,000 names, MB", of: [count]float64{ours: mb[0]}})
	b.table.add(row{what: "— after 1,000,000", of: [count]float64{ours: mb[1]}, most: noise * mb[0]})
	return nil
}
