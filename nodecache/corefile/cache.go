package corefile

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// Cache says which answers a block keeps.
type Cache struct {
	Zones   []wire.Name // answers for names below these are kept
	Success int         // the most answers that are kept, and
	Denial  int         // the most denials

	// Policy has the defaults of CoreDNS 1.15.0 with these exceptions: a SERVFAIL is kept for a
	// shorter time at first, prefetching is on, and so are stale answers.
	Policy cache.Policy
	Stale  Stale

	NoSuccess []wire.Name // zones of which no success is kept
	NoDenial  []wire.Name // zones of which no denial is kept

	CutOff bool // no NXDOMAIN cut (RFC 8020)
}

// Stale says when a block uses expired answers. For how long and with which TTL it uses them, and
// when it asks upstream again, is in Cache.Policy.
type Stale struct {
	On       bool // unless serve_stale is off
	Explicit bool // the Corefile has serve_stale

	// Wait is how long upstream may take before the expired answer is used. With 0 it is used at
	// once, and upstream is asked afterwards. If Wait is negative, upstream has to fail first.
	Wait time.Duration
}

// Defaults of CoreDNS 1.15.0, and the least that it keeps.
const (
	capacity    = 9984
	minCapacity = 1024
)

// A name with that many queries, each no more than prefetchGap after the one before, is asked for
// again before its answer expires. CoreDNS does so only if the Corefile asks for it. Otherwise one
// client has to wait each time a busy name expires.
const (
	prefetchHits = 10
	prefetchGap  = time.Minute
)

// How long a SERVFAIL is kept, at first and at most. A cluster DNS that has just started is back
// within a second or two.
const (
	servfailFirst = time.Second
	servfailMax   = 5 * time.Second
)

// Stale answers if serve_stale is absent. RFC 8767, sections 4 and 5, recommends the TTL, a
// time-out of 1.8 s, and days. Pods move, so an hour is more than enough. With serve_stale, its
// arguments count, and staleFor only where they don't say for how long.
const (
	staleFor  = time.Hour
	staleTTL  = 30
	staleWait = time.Second
)

func newCache() *Cache {
	return &Cache{
		Success: capacity,
		Denial:  capacity,
		Policy: cache.Policy{
			Positive: cache.Bounds{Min: 5, Max: 3600},
			Denial:   cache.Bounds{Min: 5, Max: 1800},
			ServFail: cache.Backoff{First: servfailFirst, Max: servfailMax},
			Prefetch: cache.Popularity{Amount: prefetchHits, Gap: prefetchGap, Percent: 10},
			Stale:    staleFor,
			StaleTTL: staleTTL,
		},
		Stale: Stale{On: true, Wait: staleWait},
	}
}

func readCache(p *parser, args []string) (err error) {
	c := newCache()
	if len(args) > 0 && isNumber(args[0]) {
		ttl, err := p.number(args[0], 1, maxTTL)
		if err != nil {
			return err
		}
		c.Policy.Positive.Max, c.Policy.Denial.Max, args = uint32(ttl), uint32(ttl), args[1:]
	} else if len(args) > 0 && isDuration(args[0]) {
		return p.errorf("%q, expected a TTL in whole seconds, such as 30", args[0])
	}
	c.Zones, err = p.zones(args)
	p.block.Cache = c
	return err
}

func finishCache(p *parser) error {
	if c := p.block.Cache; c.Policy.PreferPositive && !c.Stale.Explicit {
		return p.errorf("serve_stale_policy without serve_stale, expected both")
	}
	return nil
}

func cacheSuccess(p *parser, args []string) error {
	return readCapacity(p, args, &p.block.Cache.Success, &p.block.Cache.Policy.Positive)
}

func cacheDenial(p *parser, args []string) error {
	return readCapacity(p, args, &p.block.Cache.Denial, &p.block.Cache.Policy.Denial)
}

// readCapacity reads CAPACITY [TTL] [MINTTL].
func readCapacity(p *parser, args []string, entries *int, ttl *cache.Bounds) error {
	n, err := p.number(args[0], 0, math.MaxInt32)
	if *entries = max(n, minCapacity); err == nil && n < minCapacity {
		p.remark("%s %d is raised to %d, the minimum", p.option.name, n, minCapacity)
	}
	if err == nil && len(args) > 1 {
		n, err = p.number(args[1], 1, maxTTL)
		ttl.Max = uint32(n)
	}
	if err == nil && len(args) > 2 {
		n, err = p.number(args[2], 0, maxTTL)
		ttl.Min = uint32(n)
	}
	if err == nil && len(args) > 2 && ttl.Min > ttl.Max {
		return p.errorf("MINTTL %d is above TTL %d, expected MINTTL to be at most TTL", ttl.Min, ttl.Max)
	}
	return err
}

func cachePrefetch(p *parser, args []string) error {
	pop := &p.block.Cache.Policy.Prefetch
	n, err := p.number(args[0], 0, math.MaxInt32)
	pop.Amount = uint32(n)
	if err == nil && len(args) > 1 {
		pop.Gap, err = p.duration(args[1], 0)
	}
	if err == nil && len(args) > 2 {
		pop.Percent, err = readPercent(p, args[2])
	}
	return err
}

// readPercent reads N%, within the limits of CoreDNS 1.15.0.
func readPercent(p *parser, text string) (uint32, error) {
	digits, found := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 10 || n > 90 {
		return 0, p.errorf("%q, expected a percentage from 10%% to 90%%", text)
	}
	return uint32(n), nil
}

func cacheServfail(p *parser, args []string) error {
	d, err := p.duration(args[0], 0)
	if err == nil && d > cache.LongestFailure { // RFC 2308, section 7.1
		return p.errorf("%s, expected %s at most", args[0], short(cache.LongestFailure))
	}
	p.block.Cache.Policy.ServFail = cache.Backoff{First: d, Max: d}
	return err
}

func cacheDisable(p *parser, args []string) (err error) {
	zones := []wire.Name{{0}}
	if len(args) > 1 {
		if zones, err = p.zones(args[1:]); err != nil {
			return err
		}
	}
	switch args[0] {
	case "success":
		p.block.Cache.NoSuccess = zones
	case "denial":
		p.block.Cache.NoDenial = zones
	default:
		return p.unexpected(args[0])
	}
	return nil
}

func cacheCut(p *parser, args []string) error {
	if args[0] != "off" {
		return p.unexpected(args...)
	}
	p.block.Cache.CutOff = true
	return nil
}

// cacheStale reads off, or [DURATION [immediate ... | verify ...]].
func cacheStale(p *parser, args []string) (err error) {
	c := p.block.Cache
	c.Stale = Stale{On: true, Explicit: true}
	c.Policy.Stale, c.Policy.StaleTTL, c.Policy.Recheck = staleFor, 0, 0
	switch {
	case len(args) == 1 && args[0] == "off":
		c.Policy.Stale, args = 0, nil
	case len(args) > 0:
		if c.Policy.Stale, err = p.duration(args[0], 0); err != nil {
			return err
		}
		args = args[1:]
	}
	if len(args) > 0 {
		err = readStaleMode(p, strings.ToLower(args[0]), args[1:])
	}
	c.Stale.On = c.Policy.Stale > 0
	return err
}

// readStaleMode reads immediate [TTL [RECHECK]] or verify [TIMEOUT [TTL [RECHECK]]].
func readStaleMode(p *parser, mode string, args []string) (err error) {
	c := p.block.Cache
	switch {
	case mode == "verify":
		if len(args) > 0 {
			c.Stale.Wait, err = p.duration(args[0], 0)
			args = args[1:]
		}
		if c.Stale.Wait == 0 {
			c.Stale.Wait = -1
		}
	case mode != "immediate" || len(args) > 2:
		return p.unexpected(append([]string{mode}, args...)...)
	}
	if err == nil && len(args) > 0 {
		c.Policy.StaleTTL, err = readStaleTTL(p, args[0])
	}
	if err == nil && len(args) > 1 {
		c.Policy.Recheck, err = readRecheck(p, args[1])
	}
	return err
}

func readStaleTTL(p *parser, text string) (uint32, error) {
	ttl, err := p.duration(text, 0)
	if err == nil && (ttl%time.Second != 0 || ttl > maxTTL*time.Second) {
		err = p.errorf("%s, expected a TTL of whole seconds, %d at most", text, maxTTL)
	}
	return uint32(ttl / time.Second), err
}

func readRecheck(p *parser, text string) (time.Duration, error) {
	recheck, err := p.duration(text, 0)
	if err == nil && recheck > cache.LongestFailure { // RFC 8767, section 5
		err = p.errorf("%s, expected %s at most", text, short(cache.LongestFailure))
	}
	return recheck, err
}

func cacheStalePolicy(p *parser, args []string) error {
	if !strings.EqualFold(args[0], "prefer_positive") {
		return p.unexpected(args...)
	}
	p.block.Cache.Policy.PreferPositive = true
	return nil
}
