package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Policy says what a server block keeps and for how long. Every call reads it, so it must not
// change while one runs: a new configuration brings a new Policy.
type Policy struct {
	Positive Bounds
	Denial   Bounds // of NXDOMAIN and NODATA
	ServFail Backoff
	Prefetch Popularity

	// Stale is how long after it expired an answer may still be used (RFC 8767), 0 for never.
	// StaleTTL is the TTL that it then carries, in seconds; RFC 8767, section 4, wants 30.
	Stale    time.Duration
	StaleTTL uint32

	// Recheck counts from when upstream was asked for a name with an expired answer, and sent
	// nothing to replace that. For so long upstream is not asked for the name again. At most
	// LongestFailure counts (RFC 8767, section 5: the failure recheck timer).
	Recheck time.Duration

	// PreferPositive keeps a name's last success while it is fresh or stale, whatever denial
	// arrives, as CoreDNS's `serve_stale_policy prefer_positive` does.
	PreferPositive bool
	// KeepTTL answers with the TTLs that were stored, and not with aged ones.
	KeepTTL bool
}

// Replaces reports whether a response that says v replaces an expired answer. NOERROR and
// NXDOMAIN do (RFC 8767, section 4); with PreferPositive only a success does.
func (p *Policy) Replaces(v *wire.Verdict) bool {
	switch v.Kind {
	case wire.Malformed, wire.Failed, wire.Refusal:
		return false
	}
	return v.Kind == wire.Positive || !p.PreferPositive
}

// allows returns how long the policy lets an entry of a class be kept, and the greatest TTL that
// it may carry, in seconds.
func (p *Policy) allows(c class, e *entry) (life time.Duration, ttl uint32) {
	switch {
	case c == success:
		ttl = p.Positive.Max
	case c == denial:
		ttl = p.Denial.Max
	case e.fault.times == 0 || e.kind == wire.Refusal:
		return unanswered, 0
	case p.ServFail.First > 0:
		return p.ServFail.after(e.fault.times), 0
	}
	return time.Duration(ttl) * time.Second, ttl
}

// Bounds are the least and the greatest TTL, in seconds. Nothing is kept if Max is 0. With a Min
// of 0, an answer with a TTL of 0 is not kept (RFC 1035, section 3.2.1).
type Bounds struct{ Min, Max uint32 }

// clamp returns ttl brought within the bounds.
func (b Bounds) clamp(ttl uint32) uint32 { return min(max(ttl, b.Min), b.Max) }

// LongestFailure is the longest that a failure may be kept (RFC 9520, section 3.2), and the
// longest Recheck (RFC 8767, section 5).
const LongestFailure = 5 * time.Minute

const (
	// shortestFailure is the shortest that a failure may be kept (RFC 9520, section 3.2).
	shortestFailure = time.Second
	// unanswered is how long the cache keeps that a query timed out, that the transport broke, or
	// that the answer was malformed.
	unanswered = shortestFailure
)

// Backoff is how long a SERVFAIL is kept: First when it comes for the first time, and twice as
// long each time it comes again, up to Max. A First of 0 keeps none. Otherwise both are brought
// within 1 s and 5 min (RFC 9520, section 3.2). If Max is below First, the time stays First.
type Backoff struct{ First, Max time.Duration }

// after returns how long a failure is kept that came times in a row; times is at least 1.
func (b Backoff) after(times uint8) time.Duration {
	d := min(max(b.First, shortestFailure), LongestFailure)
	limit := min(max(b.Max, d), LongestFailure)
	for ; times > 1 && d < limit; times-- {
		d *= 2
	}
	return min(d, limit)
}

// Popularity says which answers to ask for again before they expire. Such an answer has had at
// least Amount hits, each no more than Gap after the one before, and no more than Percent of its
// life is left, rounded up to a second. An Amount of 0 means no answer.
type Popularity struct {
	Amount  uint32
	Gap     time.Duration
	Percent uint32
}

// claimed is how long one asker has to bring a new answer before another may try.
const claimed = 3 * time.Second

// due counts a hit. It reports true to one asker when the time has come to ask again.
func (p *Popularity) due(e *entry, now time.Duration) bool {
	if p.Amount == 0 || e.hit(now, p.Gap) < p.Amount {
		return false
	}
	life := uint64(e.expires-e.stored) / uint64(time.Second)
	left := time.Duration((life*uint64(p.Percent)+99)/100) * time.Second
	return e.expires-now <= left && e.claim(now)
}
