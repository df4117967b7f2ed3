package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Policy says what a server block keeps and for how long. It is read at every call and must
// not change while a call runs; a new configuration is a new Policy.
type Policy struct {
	Positive Bounds
	Denial   Bounds // NXDOMAIN and NODATA
	ServFail Backoff
	Prefetch Popularity

	// Stale is how long an answer that has expired may still be used (RFC 8767), 0 for
	// never. StaleTTL is the TTL it then carries, in seconds; RFC 8767, section 4, wants 30.
	Stale    time.Duration
	StaleTTL uint32

	// Recheck is how long upstream is not asked again for a name that has such an answer, once
	// it brought none to take its place; at most 5 min (RFC 8767, section 5, the failure
	// recheck timer).
	Recheck time.Duration

	// PreferPositive keeps a name's last success while it is good or stale, whatever denial
	// arrives: the `serve_stale_policy prefer_positive` of CoreDNS.
	PreferPositive bool
	// KeepTTL answers with the TTLs that were stored, not with what is left of them.
	KeepTTL bool
}

// Replaces reports whether a response that says v takes the place of an answer that has expired:
// NOERROR and NXDOMAIN do (RFC 8767, section 4), or only a success with PreferPositive.
func (p *Policy) Replaces(v *wire.Verdict) bool {
	switch v.Kind {
	case wire.Malformed, wire.Failed, wire.Refusal:
		return false
	}
	return v.Kind == wire.Positive || !p.PreferPositive
}

// Bounds are the least and the greatest TTL, in seconds. Nothing is kept if Max is 0, nor,
// if Min is 0, an answer whose TTL is (RFC 1035, section 3.2.1).
type Bounds struct{ Min, Max uint32 }

// clamp returns ttl within the bounds.
func (b Bounds) clamp(ttl uint32) uint32 { return min(max(ttl, b.Min), b.Max) }

// Limits of RFC 9520, section 3.2, for how long a failure is kept.
const (
	shortestFailure = time.Second
	longestFailure  = 5 * time.Minute
)

// Backoff is how long a SERVFAIL is kept: First at once, and twice as long each time it
// comes again, up to Max. First 0 keeps none; otherwise both are brought within 1 s and
// 5 min (RFC 9520, section 3.2). Max below First means no growth.
type Backoff struct{ First, Max time.Duration }

// after returns how long the failure is kept that came so many times in a row, at least 1.
func (b Backoff) after(times uint8) time.Duration {
	d := min(max(b.First, shortestFailure), longestFailure)
	limit := min(max(b.Max, d), longestFailure)
	for ; times > 1 && d < limit; times-- {
		d *= 2
	}
	return min(d, limit)
}

// Popularity says which answers are worth asking for again before they expire: those with at
// least Amount hits, none of them longer than Gap after the one before, once no more than
// Percent of their life, rounded up to a second, is left. Amount 0 is none.
type Popularity struct {
	Amount  uint32
	Gap     time.Duration
	Percent uint32
}

// claimed is how long one asker has to bring a new answer before another may try.
const claimed = 3 * time.Second

// due counts a hit, and reports true to one asker when the time has come.
func (p *Popularity) due(e *entry, now time.Duration) bool {
	if p.Amount == 0 || e.hit(now, p.Gap) < p.Amount {
		return false
	}
	life := uint64(e.expires-e.stored) / uint64(time.Second)
	left := time.Duration((life*uint64(p.Percent)+99)/100) * time.Second
	return e.expires-now <= left && e.claim(now)
}
