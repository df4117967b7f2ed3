package nodecache

import (
	"net/netip"
	"runtime"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
)

// usual is what most answers take in a cache, in bytes, or little less.
const usual = 320

// fit brings the caches within what the budget has for all of them. Each keeps its share, by
// what the Corefile says of them.
func fit(caches []sized, most int64) {
	var want int64
	for _, c := range caches {
		want += c.Success.Bytes + c.Denial.Bytes + c.Failure.Bytes
	}
	if want <= most {
		return
	}
	for i := range caches {
		for _, l := range []*cache.Limits{&caches[i].Success, &caches[i].Denial, &caches[i].Failure} {
			l.Bytes = int64(float64(l.Bytes) * float64(most) / float64(want))
		}
	}
}

// warnUnfit says what of a Corefile has no room within the memory limit, though it stays a bound.
func (p *process) warnUnfit(next *generation) {
	const text = "the memory limit allows less than the Corefile does; raise it, or lower this"
	for i, b := range next.conf.Blocks {
		s := &next.sizes[i]
		if l := s.Success; b.Cache != nil && l.Bytes < int64(l.Entries)*usual {
			p.Log.Warn(text, "directive", b.Pos.String()+": cache", "answers", l.Entries, "room", l.Bytes/usual)
		}
		for _, f := range b.Forwards {
			if n := f.Upstream.MaxConcurrent; n > p.Memory.Queries {
				p.Log.Warn(text, "directive", f.Pos.String()+": max_concurrent", "queries", n, "room", p.Memory.Queries)
			}
		}
	}
}

// frontConfig returns how to listen at addrs. While one front takes over from another there are
// two, which share what connections may keep, and each have half of what datagrams may.
func (p *process) frontConfig(addrs []netip.AddrPort) listen.Config {
	b := &p.Memory
	sockets := min(runtime.GOMAXPROCS(0), 8)
	each := 2 * sockets * max(len(addrs), 1)
	return listen.Config{
		Addrs: addrs, FreeBind: p.freeBind(), FirstReader: p.fronts % 2 * frontReaders, Sockets: sockets,
		Queue: min(b.Queues/each, 2<<20), Backlog: min(b.Backlog/each, 448<<10),
		TCP: listen.Limits{
			Conns: b.Conns, PerClient: min(b.Conns/4, 256), Buffers: b.Buffers, Unsent: b.Unsent, Total: &p.connections,
		},
	}
}

// empty drops what the caches keep that next does not have: only one configuration's caches fit.
func (g *generation) empty(next *generation) {
	kept := map[*cache.Cache]bool{}
	for _, s := range next.sizes {
		kept[s.Cache] = true
	}
	for _, s := range g.sizes {
		if !kept[s.Cache] {
			s.Cache.SetLimits(cache.Options{})
		}
	}
}

// size returns how many bytes of the class of a cache that the Corefile bounds by entries.
func size(entries int) cache.Limits {
	return cache.Limits{Entries: entries, Bytes: int64(entries) * roomFor}
}

// sizes returns the sizes of a block's cache. Failures are kept without the directive too
// (RFC 9520, section 3.2); they are all short.
func sizes(conf *corefile.Cache) cache.Options {
	o := cache.Options{Failure: cache.Limits{Entries: failures, Bytes: failures * roomFor / 2}}
	if conf != nil {
		o.Success, o.Denial = size(conf.Success), size(conf.Denial)
	}
	return o
}
