package proof

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/miekg/dns"
)

// How long a doubt lasts.
const (
	rounds = 3 // after so many changes of the lane's answer, nobody knows what it should be

	// leastTTL is for answers without a TTL: those without records.
	leastTTL = 5 * time.Second
	// failTTL is the longest that the cache plugin may be told to keep a SERVFAIL, which it may have
	// from before the records were complete.
	failTTL = 5 * time.Minute
	// mostTTL is as long as the cache plugin keeps anything, unless it is told otherwise.
	mostTTL = time.Hour
	// look is how often the lane is asked meanwhile, on average.
	look = 100 * time.Millisecond
	// pause is between two questions about a difference. With serve_stale, the cache plugin
	// answers with what has expired, and only then asks the next plugin.
	pause = time.Second
)

// settle finds out whether a difference has come to stay. It returns nil if not: if the answers
// became the same, the lane answers no more, the lane's answer keeps changing, or ctx has ended.
func (j *job) settle(ctx context.Context) *Difference {
	for range rounds {
		before, chain := j.Lane(&j.query), j.Chain(&j.query)
		if before == nil || chain == nil || j.differs(before, chain) == "" {
			return nil
		}
		changed, ended := j.wait(ctx, before, j.expiry(chain))
		if ended {
			return nil
		}
		if changed {
			continue
		}
		d, ended := j.twice(ctx, before)
		if d == nil || ended {
			return nil
		}
		if lane := j.Lane(&j.query); lane != nil && j.differs(lane, before) == "" {
			return d
		}
	}
	return nil
}

// twice asks the chain two times, and returns how it differs from the lane's answer, or nil if it
// does not.
func (j *job) twice(ctx context.Context, lane []byte) (d *Difference, ended bool) {
	for i := range 2 {
		if i > 0 && !sleep(ctx, pause) {
			return nil, true
		}
		chain := j.Chain(&j.query)
		if chain == nil {
			return nil, false
		}
		what := j.differs(lane, chain)
		if what == "" {
			return nil, false
		}
		d = &Difference{What: what, Lane: lane, Chain: chain}
	}
	return d, false
}

// expiry returns how long the chain may give the same answer because its cache has it.
func (j *job) expiry(chain []byte) time.Duration {
	if !j.query.Cached {
		return pause
	}
	m, highest := new(dns.Msg), uint32(0)
	if m.Unpack(chain) == nil {
		if m.Rcode == dns.RcodeServerFailure {
			return pause + failTTL
		}
		for _, section := range sections(m) {
			for _, r := range section {
				highest = max(highest, r.Header().Ttl)
			}
		}
	}
	return pause + min(max(time.Duration(highest)*time.Second, leastTTL), mostTTL)
}

// wait waits for d. Changed says that the lane's answer was not before all the time. The lane is
// asked often, because CoreDNS's cache may have got what its answer was for a moment, and at random
// intervals, because a record that changes to and fro may be the same at regular ones.
func (j *job) wait(ctx context.Context, before []byte, d time.Duration) (changed, ended bool) {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return false, false
		}
		if !sleep(ctx, min(left, look/2+rand.N(look))) {
			return false, true
		}
		lane := j.Lane(&j.query)
		if lane == nil {
			return false, true
		}
		if j.differs(lane, before) != "" {
			return true, false
		}
	}
}

// sleep waits for d. It returns false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
