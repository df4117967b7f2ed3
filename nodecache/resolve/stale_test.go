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

// staleRig returns a rig that knows what has expired: a.example., nx.example. and
// a.svc.cluster.local. What upstream says now are other addresses.
func staleRig(t *testing.T, edits ...func(*Block)) *rig {
	r := newRig(t, edits...)
	r.up.say("a.example. A", "AA", "a.example. 60 A 10.0.0.1")
	r.up.say("a.svc.cluster.local. A", "a.svc.cluster.local. 60 A 10.0.0.1")
	r.up.say("bad.example. A", "SERVFAIL")
	for _, words := range []string{"a.example.", "nx.example.", "a.svc.cluster.local.", "bad.example."} {
		r.ask(words)
	}
	r.up.take()
	r.up.say("a.example. A", "a.example. 60 A 10.0.0.2")
	r.up.say("a.svc.cluster.local. A", "a.svc.cluster.local. 60 A 10.0.0.2")
	time.Sleep(2 * time.Minute)
	return r
}

// TestStale gives answers that have expired when, and only when, upstream is in trouble or the
// configuration says so, with a TTL of 30 s (RFC 8767, section 4 and 5), and marks them (RFC
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
		{query: inside, says: "SERVFAIL", want: "SERVFAIL; OPT 1232"},
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
			synctest.Wait()
			if n := len(r.up.take()); n != 1 {
				t.Errorf("%+v: upstream was asked %d times", tt, n)
			}
			time.Sleep(10 * second)
			r.idle()
		})
	}
}

// TestStaleMeanwhile gives a stale answer at once to those who come while upstream takes its
// time for others, and asks upstream once for all of them. Then comes the new answer.
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
		time.Sleep(5 * time.Second)
		r.want("a.example.", strings.Replace(fresh, "60", "59", 1))
		r.asked("a.example. A")
		r.counted("nodecache_stale_answers_total 5")
	})
}

// TestStaleImmediate asks upstream once behind all the stale answers of that time.
func TestStaleImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := staleRig(t, func(b *Block) { b.Stale = Stale{On: true, Explicit: true} })
		r.up.set(func(f *fake) { f.took = second })
		for range 3 {
			r.want("a.example.", "NOERROR; a.example. 30 A 10.0.0.1")
		}
		time.Sleep(second)
		synctest.Wait()
		r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.2")
		r.asked("a.example. A")
	})
}

// TestStalePreferred has only an address take the place of an address, where that is asked for,
// and a denial with an SOA record that of a denial.
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

// TestStaleRecheck asks upstream no more for a while once it brought nothing better, and gives
// what has expired at once, also to those who come while it is asked; as CoreDNS does with
// FAILURE_RECHECK.
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
			time.Sleep(30*second - 1)
			r.want("a.example.", old)
			r.asked("a.example. A")
			time.Sleep(time.Nanosecond)
			r.want("a.example.", old)
			r.asked("a.example. A")
		})
	}
}

// TestStaleEvicted has those wait on for whom nothing stale is there any more.
func TestStaleEvicted(t *testing.T) {
	for _, after := range []time.Duration{second / 2, 2 * second} { // before and after the wait is over
		synctest.Test(t, func(t *testing.T) {
			r := staleRig(t)
			r.up.set(func(f *fake) { f.took = 5 * second })
			first := r.send("a.example.")
			time.Sleep(after)
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

// TestStaleLanding answers once also where upstream answers just as the wait is over.
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

// TestStaleBack is over as soon as upstream is back: cluster names wait for it again.
func TestStaleBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := staleRig(t)
		const old, fresh = "NOERROR; a.svc.cluster.local. 30 A 10.0.0.1", "NOERROR; a.svc.cluster.local. 60 A 10.0.0.2"
		r.up.set(func(f *fake) { f.took = time.Minute })
		r.up.out.Store(true)
		r.want("a.svc.cluster.local.", old)
		time.Sleep(1100 * time.Millisecond) // the query that was sent behind it gave up
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

// TestStaleHandedOn gives an answer that has expired where the servers are out that a name is
// handed on to, though those that are asked first answer.
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
			time.Sleep(2 * time.Minute)
			last.set(func(f *fake) { f.err = errGone })
			last.out.Store(true)
			for range 2 { // the second time it is known that it failed a moment ago
				r.want("a.svc.cluster.local.", "NOERROR; a.svc.cluster.local. 30 A 10.0.0.1")
			}
			last.out.Store(false)
			time.Sleep(2 * second)
			r.want("a.svc.cluster.local.", "SERVFAIL") // one server of the cluster's is there
		})
	}
}
