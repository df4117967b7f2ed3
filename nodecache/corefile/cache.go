package corefile

import (
	"strconv"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// Cache is what a block keeps of the answers it gets.
type Cache struct {
	Zones   []wire.Name // names below these are kept
	Success int         // how many answers are kept at most, and
	Denial  int         // how many that say there is none

	// Policy has what CoreDNS 1.15.0 has by default where the Corefile says nothing, but for
	// SERVFAIL, which is kept for a shorter time at first, and prefetching, which is on. Its
	// Stale and StaleTTL are 0 unless Stale says that the Corefile set them.
	Policy cache.Policy
	Stale  Stale

	NoSuccess []wire.Name // zones of which no success is kept
	NoDenial  []wire.Name // and no denial

	CutOff bool // no NXDOMAIN cut (RFC 8020)
}

// Defaults of CoreDNS 1.15.0, and the least it keeps.
const (
	capacity    = 9984
	minCapacity = 1024
)

// prefetchHits makes a name hot that is asked for that often, never a minute apart. CoreDNS
// prefetches none unless told to, and a busy name then costs someone a wait each time it
// expires.
const prefetchHits = 10

func newCache() *Cache {
	return &Cache{
		Success: capacity,
		Denial:  capacity,
		Policy: cache.Policy{
			Positive: cache.Bounds{Min: 5, Max: 3600},
			Denial:   cache.Bounds{Min: 5, Max: 1800},
			// A cluster DNS that has just started is back within a second or two.
			ServFail: cache.Backoff{First: time.Second, Max: 5 * time.Second},
			Prefetch: cache.Popularity{Amount: prefetchHits, Gap: time.Minute, Percent: 10},
		},
	}
}

// cache reads [TTL] [ZONES...] { options }.
func (d *directive) cache() (err error) {
	c := newCache()
	args, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	if len(args) > 0 && isNumber(args[0]) {
		ttl, err := d.number(args[0], 1, maxTTL)
		if err != nil {
			return err
		}
		c.Policy.Positive.Max, c.Policy.Denial.Max, args = uint32(ttl), uint32(ttl), args[1:]
	} else if len(args) > 0 && isDuration(args[0]) {
		return d.errorf("%q, expected a TTL in whole seconds, such as 30", args[0])
	}
	if c.Zones, err = d.zones(args); err != nil {
		return err
	}
	d.block.Cache = c
	err = d.options(func() error { return d.cacheOption(c) })
	if err == nil && c.Policy.PreferPositive && c.Stale.Mode == StaleDefault {
		return d.errorf("serve_stale_policy without serve_stale, expected both")
	}
	return err
}

func isDuration(word string) bool {
	_, err := time.ParseDuration(word)
	return err == nil
}

func isNumber(word string) bool {
	_, err := strconv.Atoi(word)
	return err == nil
}
