package resolve

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

var errGone = errors.New("gone")

// staleRig returns a rig that has stale answers for a.example., nx.example. and
// a.svc.cluster.local. Upstream now answers with other addresses.
func staleRig(t *testing.T, edits ...func(*Block)) *rig {
	r := newRig(t, edits...)
	r.up.say("a.example. A", "AA", "a.example. 60 A 10.0.0.1")
	r.up.say("a.svc.cluster.local. A", "a.svc.cluster.local. 60 A 10.0.0.1")
	r.up.say("bad.example. A", "SERVFAIL")
	for _, words := range []string{"a.example.", "nx.example.", "a.svc.cluster.local.", "bad.example."} {
		r.ask(words)
	}
	r.take()
	r.up.say("a.example. A", "a.example. 60 A 10.0.0.2")
	r.up.say("a.svc.cluster.local. A", "a.svc.cluster.local. 60 A 10.0.0.2")
	pass(2 * time.Minute)
	return r
}

// TestStale shows that stale answers are given if, and only if, upstream is in trouble or the
// configuration says so. They have a TTL of 30 s (RFC 8767, section 4 and 5) and are marked (RFC
// 8914, section 4.4 and 4.20).
func TestStale(t *testing.T) {
	const (
		outside   = "a.example. edns"
		inside    = "a.svc.cluster.local. edns"
		oldOut    = "NOERROR; a.example. 30 A 10.0.0.1; OPT 1232 ede=3"
		newOut    = "NOERROR; a.example. 60 A 10.0.0.2; OPT 1232"
		oldIn     = "NOERROR; a.svc.cluster.local. 30 A 10.0.0.1; OPT 1232 ede=3"
		newIn     = "NOERROR; a.svc.cluster.local. 60 A 10.0.0.2; OPT 1232"
		noAnswer  = "SERVFAIL; OPT 1232 ede=22"
		immediate = "immediate"
		verify    = "verify"
		verify3   = "verify 3s"
	)
	for _, tt := range []struct {
		mode  string
		query string
		took  time.Duration // upstream's
		fails bool
		out   bool
		says  string // not an address, but a code
		want  string
		after time.Duration
	}{
		{query: outside, took: second / 2, want: newOut, after: second / 2},
		{query: outside, took: 2 * second, want: oldOut, after: second},
		{query: outside, took: second / 2, fails: true, want: oldOut, after: second / 2},
		{query: outside, took: second / 2, fails: true, out: true, want: oldOut},
		{query: outside, says: "SERVFAIL", want: oldOut},
		{query: outside, says: "REFUSED", want: oldOut},
		{query: outside, says: "NXDOMAIN", want: "NXDOMAIN; OPT 1232"},
		{query: inside, says: "SERVFAIL", want: "SERVFAIL; OPT 1232 ede=0"},
		{query: inside, says: "REFUSED", want: "REFUSED; OPT 1232"},
		{query: inside, took: 3 * second, want: newIn, after: 3 * second},
		{query: inside, took: second, fails: true, want: noAnswer, after: second},
		{query: inside, took: second, fails: true, out: true, want: oldIn},
		{query: "nx.example. edns", took: 2 * second, want: "NXDOMAIN; " + soa + "; OPT 1232 ede=19", after: second},
		{query: "nx.example.", took: 2 * second, want: "NXDOMAIN; " + soa, after: second},
		{query: "bad.example. edns", took: second, fails: true, want: noAnswer, after: second}, // never a stale SERVFAIL
		{query: "new.example. edns", took: second, fails: true, out: true, want: noAnswer, after: second},

		{mode: immediate, query: outside, took: second, want: oldOut},
		{mode: immediate, query: inside, took: second, want: oldIn},
		{mode: immediate, query: inside, took: second, fails: true, want: oldIn},
		{mode: verify, query: outside, took: 3 * second, want: newOut, after: 3 * second},
		{mode: verify, query: inside, took: 3 * second, fails: true, want: oldIn, after: 3 * second},
		{mode: verify3, query: inside, took: 4 * second, want: oldIn, after: 3 * second},
		{mode: verify3, query: inside, took: 2 * second, want: newIn, after: 2 * second},
		{mode: "off", query: outside, took: 3 * second, want: newOut, after: 3 * second},
		{mode: "off", query: outside, took: second, fails: true, out: true, want: noAnswer, after: second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := staleRig(t, func(b *Block) {
				switch tt.mode {
				case immediate:
					b.Stale = Stale{On: true, Explicit: true}
				case verify:
					b.Stale = Stale{On: true, Explicit: true, Wait: -1}
				case verify3:
					b.Stale = Stale{On: true, Explicit: true, Wait: 3 * second}
				case "off":
					b.Stale = Stale{Wait: second}
				}
			})
			r.up.set(func(f *fake) {
				if f.took = tt.took; tt.fails {
					f.err = errGone
				}
			})
			r.up.out.Store(tt.out)
			if tt.says != "" {
				r.up.say("a.example. A", tt.says)
				r.up.say("a.svc.cluster.local. A", tt.says)
			}
			began := time.Now()
			if got, after := r.ask(tt.query), time.Since(began); got != tt.want || after != tt.after {
				t.Errorf("%+v:\n got %s after %v\nwant %s after %v", tt, got, after, tt.want, tt.after)
			}
			if n := len(r.take()); n != 1 {
				t.Errorf("%+v: upstream was asked %d times", tt, n)
			}
			pass(10 * second)
			r.idle()
		})
	}
}

// TestStaleMeanwhile gives a stale answer at once to those who ask while upstream takes too long
// for others. Upstream is asked once for all of them. Then its answer takes over.
func TestStaleMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := staleRig(t)
		r.up.set(func(f *fake) { f.took = 5 * second })
		const old, fresh = "NOERROR; a.example. 30 A 10.0.0.1", "NOERROR; a.example. 60 A 10.0.0.2"
		first, second := r.send("a.example."), r.send("a.example. tcp")
		for _, s := range []*sent{first, second} {
			if got := s.text(); got != old || s.now {
				t.Error(got)
			}
		}
		for range 3 {
			s := r.send("a.example.")
			if got := s.text(); got != old || !s.now {
				t.Error(got)
			}
		}
		pass(5 * time.Second)
		r.want("a.example.", strings.Replace(fresh, "60", "59", 1))
		r.asked("a.example. A")
		r.counted("nodecache_stale_answers_total 5")
	})
}

// TestStaleImmediate asks upstream once, after all the stale answers that are given meanwhile.
func TestStaleImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := staleRig(t, func(b *Block) { b.Stale = Stale{On: true, Explicit: true} })
		r.up.set(func(f *fake) { f.took = second })
		for range 3 {
			r.want("a.example.", "NOERROR; a.example. 30 A 10.0.0.1")
		}
		pass(second)
		synctest.Wait()
		r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.2")
		r.asked("a.example. A")
	})
}

// TestStalePreferred shows the option that keeps stale addresses: only an address replaces them. A
// denial is replaced by a denial with an SOA record.
func TestStalePreferred(t *testing.T) {
	const old = "NOERROR; a.example. 30 A 10.0.0.1"
	for says, want := range map[string]string{
		"NXDOMAIN": old, "NOERROR": old, "SERVFAIL": old, "REFUSED": old,
		"a.example. 60 A 10.0.0.2": "NOERROR; a.example. 60 A 10.0.0.2",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := staleRig(t, func(b *Block) {
				b.Stale, b.Policy.PreferPositive = Stale{On: true, Explicit: true, Wait: -1}, true
			})
			r.up.say("a.example. A", says)
			for range 2 {
				r.want("a.example.", want)
			}
			r.want("nx.example. edns", "NXDOMAIN; "+soa+"; OPT 1232")
		})
	}
}

// TestStaleRecheck shows that upstream is not asked again for a while after it had nothing better.
// Stale answers are given at once, even to those who come while it is being asked. CoreDNS does so
// with FAILURE_RECHECK.
func TestStaleRecheck(t *testing.T) {
	const old = "NOERROR; a.example. 30 A 10.0.0.1"
	for _, says := range []string{"SERVFAIL", "REFUSED", "nothing", "NXDOMAIN"} {
		synctest.Test(t, func(t *testing.T) {
			r := staleRig(t, func(b *Block) {
				b.Stale = Stale{On: true, Explicit: true, Wait: -1}
				b.Policy.Recheck, b.Policy.PreferPositive = 30*second, true
			})
			r.up.set(func(f *fake) { f.took = 3 * second })
			if says == "nothing" {
				r.up.set(func(f *fake) { f.err = errGone })
			} else {
				r.up.say("a.example. A", says, "--", soa)
			}
			first := r.send("a.example.")
			if s := r.send("a.example."); s.text() != old || !s.now {
				t.Errorf("%s: the second had to wait", says)
			}
			if got := first.text(); got != old || first.now {
				t.Errorf("%s: the first got %s", says, got)
			}
			pass(30*second - 1)
			r.want("a.example.", old)
			r.asked("a.example. A")
			pass(time.Nanosecond)
			r.want("a.example.", old)
			r.asked("a.example. A")
		})
	}
}

// TestStaleEvicted shows that clients wait on if the stale answer is no longer there.
func TestStaleEvicted(t *testing.T) {
	for _, after := range []time.Duration{second / 2, 2 * second} { // before and after the wait is over
		synctest.Test(t, func(t *testing.T) {
			r := staleRig(t)
			r.up.set(func(f *fake) { f.took = 5 * second })
			first := r.send("a.example.")
			pass(after)
			q := r.flight().query
			r.block.Cache.Remove(&q)
			began := time.Now()
			if got := r.ask("a.example."); got != "NOERROR; a.example. 60 A 10.0.0.2" || time.Since(began) != 5*second-after {
				t.Errorf("%s after %v", got, time.Since(began))
			}
			want := "NOERROR; a.example. 60 A 10.0.0.2"
			if after > second {
				want = "NOERROR; a.example. 30 A 10.0.0.1"
			}
			if got := first.text(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			r.asked("a.example. A")
			r.idle()
		})
	}
}

// TestStaleLanding shows that each client gets one answer, even if upstream answers at the moment
// at which the wait is over.
func TestStaleLanding(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			r := staleRig(t)
			r.up.set(func(f *fake) { f.took = second })
			var list []*sent
			for range 5 {
				list = append(list, r.send("a.example."))
			}
			for _, s := range list {
				if got := s.text(); !strings.HasPrefix(got, "NOERROR") {
					t.Error(got)
				}
			}
			r.idle()
			if st := r.zoneAnswers(); st != 9 {
				t.Errorf("%d answers were counted", st)
			}
		})
	}
}

// TestStaleBack shows that names of the cluster wait for upstream again as soon as it is back.
func TestStaleBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := staleRig(t)
		const old, fresh = "NOERROR; a.svc.cluster.local. 30 A 10.0.0.1", "NOERROR; a.svc.cluster.local. 60 A 10.0.0.2"
		r.up.set(func(f *fake) { f.took = time.Minute })
		r.up.out.Store(true)
		r.want("a.svc.cluster.local.", old)
		pass(1100 * time.Millisecond) // the query that was sent behind it gave up
		r.asked("a.svc.cluster.local. A")
		r.want("a.svc.cluster.local.", old)
		r.asked() // as it failed a moment ago
		r.up.set(func(f *fake) { f.took = second / 10 })
		r.up.out.Store(false)
		r.block.Forwards[0].Servers.Recovered()
		r.want("a.svc.cluster.local.", fresh)
		r.asked("a.svc.cluster.local. A")
	})
}

// TestStaleHandedOn gives a stale answer if the servers of the forward that a query is handed on to
// are out, though those of the first forward answer.
func TestStaleHandedOn(t *testing.T) {
	for _, next := range []Forward{{Next: []wire.Rcode{wire.NXDomain}}, {NextOnNodata: true}} {
		synctest.Test(t, func(t *testing.T) {
			last := newFake()
			r := newRig(t, func(b *Block) {
				b.Forwards[0].Next, b.Forwards[0].NextOnNodata = next.Next, next.NextOnNodata
				b.Forwards = append(b.Forwards, &Forward{From: wire.Name{0}, Upstream: last, Servers: new(cache.Servers)})
			})
			const question = "a.svc.cluster.local. A"
			if next.NextOnNodata {
				r.up.say(question, "--", soa)
			}
			last.say(question, "a.svc.cluster.local. 60 A 10.0.0.1")
			r.want("a.svc.cluster.local.", "NOERROR; a.svc.cluster.local. 60 A 10.0.0.1")
			pass(2 * time.Minute)
			last.set(func(f *fake) { f.err = errGone })
			last.out.Store(true)
			for range 2 { // the second time it is known that it failed a moment ago
				r.want("a.svc.cluster.local.", "NOERROR; a.svc.cluster.local. 30 A 10.0.0.1")
			}
			last.out.Store(false)
			pass(2 * second)
			r.want("a.svc.cluster.local.", "SERVFAIL") // one server of the cluster's is there
		})
	}
}
