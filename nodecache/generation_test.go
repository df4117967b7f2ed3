package nodecache

import (
	"log/slog"
	"testing"

	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

// official returns a generation with the blocks of the official Corefile, as far as they take
// memory, and with a block that keeps failures only.
func official(success, denial, concurrent int) *generation {
	g := &generation{conf: &corefile.Config{}}
	for range 2 {
		b := &corefile.Block{
			Pos: corefile.Pos{File: "Corefile", Line: 1}, Cache: &corefile.Cache{Success: success, Denial: denial},
			Forwards: []*corefile.Forward{{Upstream: upstream.Config{MaxConcurrent: concurrent}}},
		}
		g.conf.Blocks = append(g.conf.Blocks, b)
	}
	g.conf.Blocks = append(g.conf.Blocks, &corefile.Block{})
	for _, b := range g.conf.Blocks {
		g.sizes = append(g.sizes, sized{Options: sizes(b.Cache)})
	}
	return g
}

// TestFit shrinks caches to the budget, each by its share. Caches that fit stay as they are.
func TestFit(t *testing.T) {
	for _, most := range []int64{1 << 20, 10 << 20, 1 << 30} {
		g, before := official(9984, 2000, 0), official(9984, 2000, 0)
		g.fit(most)
		var sum int64
		for i, s := range g.sizes {
			sum += s.Success.Bytes + s.Denial.Bytes + s.Failure.Bytes
			old := before.sizes[i]
			if s.Success.Entries != old.Success.Entries || s.Success.Bytes/100*old.Failure.Bytes/100 > s.Failure.Bytes/99*old.Success.Bytes/99 {
				t.Errorf("%d bytes: %+v of %+v", most, s.Options, old.Options)
			}
		}
		if want := before.sizes[0].Success.Bytes; sum > most || most == 1<<30 && g.sizes[0].Success.Bytes != want {
			t.Errorf("%d bytes: %d in all, %+v", most, sum, g.sizes)
		}
	}
}

// TestUnfit warns of bounds that the memory limit has no room for. The manifest's bounds have room.
func TestUnfit(t *testing.T) {
	for _, test := range []struct {
		name            string
		limit           int64
		g               *generation
		cache, upstream int
	}{
		{"the manifest", 64 << 20, official(9984, 9984, 0), 0, 0},
		{"no limit", 0, official(9984, 9984, 1000), 0, 0},
		{"half of it", 32 << 20, official(9984, 9984, 50), 2, 0},
		{"too large a cache", 64 << 20, official(100000, 9984, 0), 2, 0},
		{"too many queries", 64 << 20, official(9984, 9984, 1000), 0, 2},
	} {
		var log notes
		b := budget.Divide(test.limit, 0)
		test.g.fit(b.Cache)
		test.g.warnUnfit(slog.New(slog.NewTextHandler(&log, nil)), b.Queries)
		if cache, upstream := log.count("cache\""), log.count("max_concurrent"); cache != test.cache || upstream != test.upstream {
			t.Errorf("%s: %d warnings of caches and %d of queries, expected %d and %d:\n%s", test.name, cache, upstream, test.cache, test.upstream, log.String())
		}
	}
}
