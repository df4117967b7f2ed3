package proof

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// records is a record that changes, and a cache before it.
type records struct {
	addr   func(time.Duration) string
	ttl    time.Duration // of answers; the cache keeps them so long
	behind bool          // a cache stands before the record
	stale  bool          // the cache gives an expired answer once, and asks then (serve_stale)

	mu     sync.Mutex
	kept   string
	expiry time.Duration
}

func (r *records) lane(now time.Duration) []byte {
	return pack(reply(address(fmt.Sprint(int(r.ttl.Seconds())), r.addr(now))))
}

// chain answers as CoreDNS does.
func (r *records) chain(now time.Duration) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.behind {
		return r.lane(now)
	}
	answer, left := r.kept, r.expiry-now
	if left <= 0 {
		r.kept, r.expiry = r.addr(now), now+r.ttl
		if !r.stale || answer == "" {
			answer, left = r.kept, r.ttl
		}
	}
	return pack(reply(address(fmt.Sprint(max(int(left.Seconds()), 0)), answer)))
}

// from returns "10.0.0.1" before a time and "10.0.0.2" from then on.
func from(at time.Duration) func(time.Duration) string {
	return func(now time.Duration) string {
		if now < at {
			return "10.0.0.1"
		}
		return "10.0.0.2"
	}
}

// judge has one answer of f's lane compared, waits longer than any doubt lasts, and returns f.
func judge(t *testing.T, f *fake, cached bool) *fake {
	t.Helper()
	c, stop := run()
	if !c.Check(f, asked(cached), f.lane(f.since())) {
		t.Error("not compared")
	}
	time.Sleep(mostTTL + time.Minute) // on a virtual clock
	stop()
	return f
}

// TestOlder shows that an older answer in CoreDNS's cache is no difference.
func TestOlder(t *testing.T) {
	for _, stale := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := &records{addr: from(2 * time.Second), ttl: 30 * time.Second, behind: true, stale: stale}
			f := &fake{lane: r.lane, chain: r.chain}
			r.chain(f.since())
			time.Sleep(2 * time.Second) // the record changes
			if judge(t, f, true); f.reported != nil {
				t.Errorf("stale %v: %v", stale, f.reported)
			}
		})
	}
}

// TestNotYet shows that a SERVFAIL is no difference which the cache has from before the records were
// complete, and may keep for some minutes.
func TestNotYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad := always(reply(address("5", "10.0.0.1"))), reply()
		bad.Rcode = dns.RcodeServerFailure
		failed := always(bad)
		f := &fake{lane: good, chain: func(now time.Duration) []byte {
			if now < 5*time.Minute {
				return failed(now)
			}
			return good(now)
		}}
		if judge(t, f, true); f.reported != nil {
			t.Errorf("%v after %v", f.reported, f.after)
		}
	})
}

// TestBetween shows that a record which changes between the two answers is no difference.
func TestBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &records{addr: from(0), ttl: 5 * time.Second}
		f := &fake{lane: r.lane, chain: r.chain}
		c, stop := run()
		if !c.Check(f, asked(false), pack(reply(address("5", "10.0.0.1")))) {
			t.Error("not compared")
		}
		time.Sleep(time.Minute)
		stop()
		if f.reported != nil {
			t.Error(f.reported)
		}
	})
}

// TestReal shows that a true difference is reported once, when what the cache had has expired.
func TestReal(t *testing.T) {
	for _, test := range []struct {
		cached           bool
		ttl              time.Duration
		earliest, latest time.Duration
	}{
		{false, 30 * time.Second, time.Second, 3 * time.Second},
		{true, 30 * time.Second, 31 * time.Second, 33 * time.Second},
		{true, 0, leastTTL, leastTTL + 3*time.Second},
		{true, 2 * time.Hour, mostTTL, mostTTL + 3*time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &records{addr: from(0), ttl: test.ttl}
			own := &records{addr: from(24 * time.Hour), ttl: test.ttl, behind: test.cached}
			f := judge(t, &fake{lane: r.lane, chain: own.chain}, test.cached)
			if len(f.reported) != 1 || f.after[0] < test.earliest || f.after[0] > test.latest {
				t.Errorf("%+v: reported %v, after %v", test, f.reported, f.after)
			}
		})
	}
}

// TestRestless shows that a record which never stays the same turns no lane off, at whatever pace it
// changes, although other clients see to it that CoreDNS's cache always has something, and often
// something else.
func TestRestless(t *testing.T) {
	paces := map[string]func(time.Duration) string{
		"another each time": func(time.Duration) string {
			return fmt.Sprintf("10.%d.%d.%d", rand.N(256), rand.N(256), rand.N(256))
		},
	}
	for _, pace := range []time.Duration{70 * time.Millisecond, 370 * time.Millisecond, time.Second, 2300 * time.Millisecond, 5900 * time.Millisecond, 17 * time.Second} {
		paces[pace.String()] = func(now time.Duration) string { return fmt.Sprintf("10.0.0.%d", 1+now/pace%2) }
	}
	for name, addr := range paces {
		synctest.Test(t, func(t *testing.T) {
			r := &records{addr: addr, ttl: 5 * time.Second, behind: true}
			f := &fake{lane: r.lane, chain: r.chain}
			c, stop := run()
			for i := range 12_000 {
				if i%100 == 0 {
					c.Check(f, asked(true), f.lane(f.since()))
				}
				r.chain(f.since())
				time.Sleep(rand.N(200 * time.Millisecond))
			}
			stop()
			if f.reported != nil {
				t.Errorf("changes each %s: %v after %v", name, f.reported, f.after)
			}
		})
	}
}

// TestOff shows that nothing is reported once the lane passes the question on.
func TestOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := always(reply(address("30", "10.0.0.9")))
		answer := always(reply(address("30", "10.0.0.1")))
		f := &fake{chain: own, lane: func(now time.Duration) []byte {
			if now > 10*time.Second {
				return nil
			}
			return answer(now)
		}}
		if judge(t, f, true); f.reported != nil {
			t.Error(f.reported)
		}
	})
}

// TestSilent shows that a chain which does not answer is no difference.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{lane: always(reply()), chain: func(time.Duration) []byte { return nil }}
		if judge(t, f, false); f.reported != nil {
			t.Error(f.reported)
		}
	})
}
