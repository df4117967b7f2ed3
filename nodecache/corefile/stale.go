package corefile

import (
	"strings"
	"time"
)

// StaleMode is what a Corefile says of answers that have expired.
type StaleMode uint8

// The modes. All but StaleDefault are the Corefile's words.
const (
	StaleDefault   StaleMode = iota // nothing
	StaleOff                        // never to be used
	StaleImmediate                  // used first, and then asked for anew
	StaleVerify                     // used once upstream did not bring a new one
)

// Stale is a Corefile's serve_stale. How long after its end an answer may be used, with which
// TTL, and when upstream is asked again, is in Cache.Policy.
type Stale struct {
	Mode StaleMode
	Wait time.Duration // of StaleVerify, for upstream; 0: as long as it takes
}

// staleFor is how long answers are used where serve_stale says nothing of it.
const staleFor = time.Hour

const staleUsage = "serve_stale off, or serve_stale [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]"

// serveStale reads off or [DURATION [MODE ...]].
func (d *directive) serveStale(c *Cache) error {
	args, err := d.args(0, 5, staleUsage)
	if err != nil {
		return err
	}
	c.Stale = Stale{Mode: StaleImmediate}
	c.Policy.Stale, c.Policy.StaleTTL, c.Policy.Recheck = staleFor, 0, 0
	if len(args) == 1 && args[0] == "off" {
		c.Stale, c.Policy.Stale = Stale{Mode: StaleOff}, 0
		return nil
	}
	if len(args) > 0 {
		if c.Policy.Stale, err = d.duration(args[0], 0); err != nil {
			return err
		}
		args = args[1:]
	}
	if len(args) > 0 {
		err = d.staleMode(c, strings.ToLower(args[0]), args[1:])
	}
	if c.Policy.Stale == 0 {
		c.Stale.Mode = StaleOff
	}
	return err
}

func (d *directive) staleMode(c *Cache, mode string, args []string) (err error) {
	switch {
	case mode == "verify":
		c.Stale.Mode = StaleVerify
		if len(args) > 0 {
			c.Stale.Wait, err = d.duration(args[0], 0)
			args = args[1:]
		}
	case mode != "immediate" || len(args) > 2:
		return d.errorf("%q, expected %s", strings.Join(append([]string{mode}, args...), " "), staleUsage)
	}
	if err == nil && len(args) > 0 {
		c.Policy.StaleTTL, err = d.staleTTL(args[0])
	}
	if err == nil && len(args) > 1 {
		c.Policy.Recheck, err = d.staleRecheck(args[1])
	}
	return err
}

func (d *directive) staleTTL(text string) (uint32, error) {
	ttl, err := d.duration(text, 0)
	if err == nil && (ttl%time.Second != 0 || ttl > maxTTL*time.Second) {
		err = d.errorf("%s, expected a TTL of whole seconds, %d at most", text, maxTTL)
	}
	return uint32(ttl / time.Second), err
}

func (d *directive) staleRecheck(text string) (time.Duration, error) {
	const longest = 5 * time.Minute // RFC 8767, section 5
	recheck, err := d.duration(text, 0)
	if err == nil && recheck > longest {
		err = d.errorf("%s, expected %s at most", text, longest)
	}
	return recheck, err
}

// stalePolicy reads prefer_positive.
func (d *directive) stalePolicy(c *Cache) error {
	const usage = "serve_stale_policy prefer_positive"
	args, err := d.args(1, 1, usage)
	if err == nil && !strings.EqualFold(args[0], "prefer_positive") {
		return d.errorf("%q, expected %s", args[0], usage)
	}
	c.Policy.PreferPositive = err == nil
	return err
}
