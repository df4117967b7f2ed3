package express

import (
	"context"
	"fmt"
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
	for range rounds {
		for _, i := range []int{ours, off} {
			if err := b.fresh(ctx, i, once, resident, connection); err != nil {
				return err
			}
		}
	}
	if err := b.fresh(ctx, stock, once, resident, connection); err != nil {
		return err
	}
	b.table.add("resident after every name was asked once, MB", resident.medians(), over(5))
	b.table.add(fmt.Sprintf("an idle TCP connection of %d, KB resident", nodes), connection.medians(), atMost(4))
	return nil
}

// nodes is how many connections are held: as many as 5,000 nodes have at most to each of 20 Pods;
// see docs/figures.md.
const nodes = 3000

// fresh measures a contender's memory right after its start.
func (b *bench) fresh(ctx context.Context, who int, once gauge.Load, resident, connection *figures) error {
	s, err := b.start(ctx, who)
	if err != nil {
		return err
	}
	defer s.Stop()
	if _, _, err := s.cost(ctx, once); err != nil {
		return err
	}
	mb, err := s.Memory("VmRSS")
	if err != nil {
		return err
	}
	resident.add(who, mb)
	kb, err := gauge.Hold(s.Process, s.at, clusterIP(0).message(), nodes)
	connection.add(who, kb)
	return err
}
