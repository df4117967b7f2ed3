package express

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/bench/gauge"
)

// behind adds a row for what a miss of the node cache costs, together with the answer of the server
// that it asks. That server has answered each question before: the lane compares hardly any more.
func (b *bench) behind(ctx context.Context) error {
	var list []question
	for _, q := range b.objects.names() {
		if q.qtype == dns.TypeA && q.size == 0 {
			list = append(list, q)
		}
	}
	miss := gauge.Load{Binary: true, Once: true, Lasts: 2 * time.Second, Outstanding: 200}
	var err error
	if miss.File, err = b.queries(list); err != nil {
		return err
	}
	who := []int{ours, off, stock}
	running, stop, err := b.startAll(ctx, who...)
	if err != nil {
		return err
	}
	defer stop()
	for _, i := range who {
		if err := running[i].warm(ctx, miss); err != nil {
			return err
		}
	}
	f := new(figures)
	for range rounds {
		for _, i := range who {
			us, err := b.miss(ctx, running[i], miss)
			if err != nil {
				return err
			}
			f.add(i, us)
		}
	}
	b.table.add("a node cache before it: CPU us of both for a miss", f.medians(), share(0.5, off))
	return nil
}

// miss measures with a new node cache, which has nothing in its cache.
func (b *bench) miss(ctx context.Context, s *instance, l gauge.Load) (us float64, err error) {
	port, err := gauge.FreePort()
	if err != nil {
		return 0, err
	}
	metrics, err := gauge.FreePort()
	if err != nil {
		return 0, err
	}
	at := netip.AddrPortFrom(s.at.Addr(), uint16(port))
	file := filepath.Join(b.dir, fmt.Sprintf("nodecache-%d.conf", port))
	if err := os.WriteFile(file, []byte(nodeCorefile(at, s.at, metrics)), 0o600); err != nil {
		return 0, err
	}
	p, err := gauge.Start(ctx, file+".log", b.programs.NodeCache, "-conf", file, "-metrics-listen-address", "")
	if err != nil {
		return 0, err
	}
	cache := &instance{Process: p, name: "node cache", at: at}
	defer cache.Stop()
	if err := cache.wait(); err != nil {
		return 0, err
	}
	if us, _, err = l.Cost(ctx, at, p, s.Process); err != nil {
		err = fmt.Errorf("%s: %w\n%s", s.name, err, p.Log())
	}
	return us, err
}

// nodeCorefile is the part for the cluster's zone of the Corefile that a node cache has.
func nodeCorefile(at, upstream netip.AddrPort, metrics int) string {
	return fmt.Sprintf(`cluster.local:%d {
	errors
	cache {
		success 9984 30
		denial 9984 5
	}
	bind %s
	forward . %s {
		force_tcp
	}
	prometheus 127.0.0.1:%d
}
`, at.Port(), at.Addr(), upstream, metrics)
}
