package express

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/neardns/neardns/test/bench/gauge"
)

// memory adds rows for the resident memory after every name was asked once, and for that of idle
// connections.
func (b *bench) memory(ctx context.Context) error {
	once := gauge.Load{Binary: true, Once: true, Lasts: time.Minute, Outstanding: 200}
	var err error
	if once.File, err = b.queries(b.objects.names()); err != nil {
		return err
	}
	resident, connection := new(figures), new(figures)
	for round := range rounds {
		for _, i := range []int{ours, off, stock} {
			if i == stock && round > 0 {
				continue // it has no aim
			}
			mb, err := b.resident(ctx, i, once)
			if err != nil {
				return err
			}
			resident.add(i, mb)
		}
		for _, i := range []int{ours, off} {
			kb, err := b.connection(ctx, i)
			if err != nil {
				return err
			}
			connection.add(i, kb)
		}
	}
	b.table.add("resident after every name was asked once, MB", resident.medians(), over(5))
	b.table.add(fmt.Sprintf("each of %d idle TCP connections, KB resident", nodes), connection.medians(), atMost(4))
	return nil
}

// resident returns the resident memory of a contender that was asked for each name once, in MB. All
// follow the API server here: what reading a large file leaves behind would hide the difference.
func (b *bench) resident(ctx context.Context, who int, once gauge.Load) (mb float64, err error) {
	s, err := b.start(ctx, who, b.api.Access)
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	if _, _, err := s.cost(ctx, once); err != nil {
		return 0, err
	}
	return s.Memory("VmRSS")
}

// nodes is how many connections are held: as many as 5,000 nodes have at most to each of 20 Pods;
// see docs/figures.md.
const nodes = 3000

// connection returns how many KB a connection takes from a contender that knows hardly any names. It
// has no memory to spare.
func (b *bench) connection(ctx context.Context, who int) (kb float64, err error) {
	file := filepath.Join(b.dir, "express-one.json")
	if err := b.objects.one().snapshot(file); err != nil {
		return 0, err
	}
	s, err := b.start(ctx, who, "snapshot "+file)
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	return gauge.Hold(s.Process, s.at, clusterIP(0).message(), nodes)
}
