package corefile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

const cacheOptions = "success denial prefetch serve_stale serve_stale_policy servfail disable keepttl cut"

func (d *directive) cacheOption(c *Cache) error {
	switch d.option {
	case "success":
		return d.capacity(&c.Success, &c.Policy.Positive)
	case "denial":
		return d.capacity(&c.Denial, &c.Policy.Denial)
	case "prefetch":
		return d.prefetch(&c.Policy.Prefetch)
	case "serve_stale":
		return d.serveStale(c)
	case "serve_stale_policy":
		return d.stalePolicy(c)
	case "servfail":
		return d.servfail(c)
	case "disable":
		return d.disable(c)
	case "keepttl":
		return d.flag(&c.Policy.KeepTTL)
	case "cut":
		return d.cut(c)
	}
	return d.noOption(strings.Fields(cacheOptions)...)
}

// capacity reads CAPACITY [TTL] [MINTTL].
func (d *directive) capacity(entries *int, ttl *cache.Bounds) error {
	args, err := d.args(1, 3, d.option+" CAPACITY [TTL] [MINTTL]")
	if err != nil {
		return err
	}
	n, err := d.number(args[0], 0, math.MaxInt32)
	if *entries = max(n, minCapacity); err == nil && n < minCapacity {
		d.remark(fmt.Sprintf("%s %d is raised to %d, the least", d.option, n, minCapacity))
	}
	if err == nil && len(args) > 1 {
		n, err = d.number(args[1], 1, maxTTL)
		ttl.Max = uint32(n)
	}
	if err == nil && len(args) > 2 {
		n, err = d.number(args[2], 0, maxTTL)
		ttl.Min = uint32(n)
	}
	if err == nil && len(args) > 2 && ttl.Min > ttl.Max {
		return d.errorf("MINTTL %d is above TTL %d, expected it to be no more", ttl.Min, ttl.Max)
	}
	return err
}

// prefetch reads AMOUNT [DURATION [PERCENTAGE%]].
func (d *directive) prefetch(p *cache.Popularity) error {
	args, err := d.args(1, 3, "prefetch AMOUNT [DURATION [PERCENTAGE%]]")
	if err != nil {
		return err
	}
	n, err := d.number(args[0], 0, math.MaxInt32)
	p.Amount = uint32(n)
	if err == nil && len(args) > 1 {
		p.Gap, err = d.duration(args[1], 0)
	}
	if err == nil && len(args) > 2 {
		p.Percent, err = d.percent(args[2])
	}
	return err
}

func (d *directive) percent(text string) (uint32, error) {
	digits, found := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 10 || n > 90 {
		return 0, d.errorf("%q, expected a percentage from 10%% to 90%%", text)
	}
	return uint32(n), nil
}

// servfail reads DURATION.
func (d *directive) servfail(c *Cache) error {
	const longest = 5 * time.Minute // RFC 2308, section 7.1
	err := d.oneDuration(&c.Policy.ServFail.First, 0)
	c.Policy.ServFail.Max = c.Policy.ServFail.First
	if err == nil && c.Policy.ServFail.First > longest {
		return d.errorf("%s, expected %s at most", c.Policy.ServFail.First, longest)
	}
	return err
}

// disable reads success|denial [ZONES...].
func (d *directive) disable(c *Cache) error {
	const usage = "disable success|denial [ZONES...]"
	args, err := d.args(1, -1, usage)
	if err != nil {
		return err
	}
	zones := []wire.Name{{0}}
	if len(args) > 1 {
		if zones, err = d.zones(args[1:]); err != nil {
			return err
		}
	}
	switch args[0] {
	case "success":
		c.NoSuccess = zones
	case "denial":
		c.NoDenial = zones
	default:
		return d.errorf("%q, expected %s", args[0], usage)
	}
	return nil
}

// cut reads off.
func (d *directive) cut(c *Cache) error {
	args, err := d.args(1, 1, "cut off")
	if err == nil && args[0] != "off" {
		return d.errorf("%q, expected cut off", args[0])
	}
	c.CutOff = err == nil
	return err
}
