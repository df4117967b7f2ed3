package resolve

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/wire"
)

// TestTimeout shows that a timeout is kept for 1 s, so that the next client does not have to wait
// for it (RFC 9520, section 3.2). The reply says why (RFC 8914, section 4.14 and 4.23).
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took, f.err = 4*second, context.DeadlineExceeded })
		r.want("a.example. edns", "SERVFAIL; OPT 1232 ede=22")
		for range 3 {
			s := r.send("a.example. edns")
			if got := s.text(); got != "SERVFAIL; OPT 1232 ede=13" || !s.now {
				t.Error(got)
			}
		}
		r.asked("a.example. A")
		r.up.set(func(f *fake) { f.took, f.err = 0, nil })
		r.want("b.example.", "NXDOMAIN; "+soa) // that other names are answered changes nothing
		r.want("a.example.", "SERVFAIL")
		r.asked("b.example. A")
		pass(second)
		r.want("a.example.", "NXDOMAIN; "+soa)
		r.asked("a.example. A")
	})
}

// TestRecovered asks again at once when upstream is back.
func TestRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.err = context.DeadlineExceeded
		for range 2 {
			r.want("a.example.", "SERVFAIL")
			r.want("b.example.", "SERVFAIL")
		}
		r.asked("a.example. A", "b.example. A")
		r.up.err = nil
		r.block.Forwards[0].Servers.Recovered()
		r.want("a.example.", "NXDOMAIN; "+soa)
		r.want("b.example.", "NXDOMAIN; "+soa)
	})
}

// TestOutTime gives up after 1 s while no server is known to be reachable.
func TestOutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = 4 * second })
		r.up.out.Store(true)
		began := time.Now()
		r.want("a.example. edns", "SERVFAIL; OPT 1232 ede=22")
		if took := time.Since(began); took != second {
			t.Errorf("after %v", took)
		}
	})
}

// TestServFail shows how long a SERVFAIL is kept: longer each time it comes again, up to 5 s (RFC
// 9520, section 3.2), or as long as `servfail` says.
func TestServFail(t *testing.T) {
	for _, tt := range []struct {
		name     string
		servfail time.Duration
		times    []int // seconds from one query upstream to the next
	}{
		{"a.example.", 0, []int{1, 2, 4, 5, 5}},
		{"a.svc.cluster.local.", 0, []int{1, 2, 4, 5, 5}},
		{"1.0.0.10.in-addr.arpa.", 0, []int{1, 2, 4, 5, 5}},
		{"a.example.", 5 * second, []int{5, 5, 5, 5}},
		{"a.svc.cluster.local.", 20 * second, []int{20, 20, 20}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(b *Block) {
				if tt.servfail > 0 {
					b.Policy.ServFail.First, b.Policy.ServFail.Max = tt.servfail, tt.servfail
				}
			})
			r.up.say(tt.name+" A", "SERVFAIL")
			r.want(tt.name+" edns", "SERVFAIL; OPT 1232 ede=0")
			for _, seconds := range tt.times {
				r.asked(tt.name + " A")
				half := max(second, time.Duration(seconds)*second/2)
				pass(half - 1)
				r.want(tt.name+" edns", "SERVFAIL; OPT 1232 ede=13")
				r.asked()
				pass(time.Duration(seconds)*second - half + 1)
				r.ask(tt.name)
			}
			r.up.say(tt.name+" A", tt.name+" 1 A 10.0.0.1")
			pass(time.Minute)
			if got := r.ask(tt.name); !strings.HasPrefix(got, "NOERROR") {
				t.Error(got)
			}
		})
	}
}

// TestServFailRetried shows that upstream is asked again in the background once a SERVFAIL has been
// kept for half of its time. Another answer takes its place at once.
func TestServFailRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("a.example. A", "SERVFAIL")
		ask := func() { // two at a time: it is retried once
			t.Helper()
			for range 2 {
				if s := r.send("a.example. edns"); s.text() != "SERVFAIL; OPT 1232 ede=13" || !s.now {
					t.Error("not answered at once")
				}
			}
			synctest.Wait()
		}
		r.want("a.example.", "SERVFAIL")
		pass(second)
		r.want("a.example.", "SERVFAIL")
		r.asked("a.example. A", "a.example. A")
		for _, after := range []time.Duration{second, 2 * second, 2500 * time.Millisecond, 2500 * time.Millisecond} { // of 2, 4, 5, 5 s
			pass(after - 1)
			ask()
			r.asked()
			pass(time.Nanosecond)
			ask()
			r.asked("a.example. A")
		}
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.up.set(func(f *fake) { f.took = time.Nanosecond }) // not before both have asked
		pass(2500 * time.Millisecond)
		ask()
		pass(time.Nanosecond)
		r.asked("a.example. A")
		r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
	})
}

// TestServFailEnds shows that after the upstream's recovery a SERVFAIL is kept for another 5 s at
// most, however long the outage was, and for another 1 s once any other name with the same parent
// resolves.
func TestServFailEnds(t *testing.T) {
	for _, sibling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("a.example. A", "SERVFAIL")
			for range 130 {
				r.want("a.example.", "SERVFAIL")
				pass(second)
			}
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			r.up.say("b.example. A", "b.example. 60 A 10.0.0.2")
			most := 5 * second
			if sibling {
				r.ask("b.example.")
				most = second
			}
			pass(most)
			r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
		})
	}
}

// TestRefused asks upstream once a second for a name that it refuses (RFC 9520, sections 2.2, 2.7,
// 3.2), and repeats its code in between.
func TestRefused(t *testing.T) {
	for _, code := range []string{"REFUSED", "FORMERR", "NOTIMP", "NOTAUTH"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("a.example. A", code)
			text := wire.Rcode(dns.StringToRcode[code]).String()
			for range 3 {
				for range 10 {
					r.want("a.example. edns", text+"; OPT 1232")
				}
				pass(second - 1)
				r.want("a.example.", text)
				r.asked("a.example. A")
				pass(time.Nanosecond)
			}
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
		})
	}
}
