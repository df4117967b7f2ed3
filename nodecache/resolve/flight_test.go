package resolve

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/upstream"
)

// mixCase returns text with each letter in upper or lower case at random.
func mixCase(text string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' && rand.N(2) == 0 {
			c -= 'a' - 'A'
		}
		return c
	}, text)
}

// TestCoalesce asks upstream once for 50 clients that ask the same at a time. Each gets an answer
// of its own, with its own ID, letter case, flags, cookie and size.
func TestCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = second })
		var records []string
		for i := range 50 {
			records = append(records, fmt.Sprintf("a.example. 60 A 10.0.0.%d", i))
		}
		r.up.say("a.example. A", records...)
		kinds := []struct {
			words string
			most  int
			tc    bool
		}{
			{"", 512, true}, {"tcp nord", 65535, false}, {"size=700 ad", 700, true}, {"size=1232 cookie=%016x", 1232, false}, {"cookie=%016x tcp keepalive", 65535, false},
		}
		var list []*sent
		for i := range 50 {
			r.client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i % 7)}), 1000)
			words := fmt.Sprintf("id=%d ", 1000+i) + kinds[i%len(kinds)].words
			if strings.Contains(words, "%") {
				words = fmt.Sprintf(words, i)
			}
			list = append(list, r.send(mixCase("a.example.")+" "+words))
		}
		for i, s := range list {
			kind := kinds[i%len(kinds)]
			b := s.wait()
			describe(t, s.query, b) // checks ID, question and RD
			m := wire.Message(b)
			o, _ := m.OPT()
			if s.now || len(b) > kind.most || m.Truncated() != kind.tc || m.Answers() != 50 && !kind.tc {
				t.Errorf("%d: at once %v, %d bytes, TC %v", i, s.now, len(b), m.Truncated())
			}
			if want := fmt.Appendf(nil, "%08d", i); strings.Contains(kind.words, "cookie") && !bytes.Equal(o.Cookie[:8], fromHex(i)) {
				t.Errorf("%d: cookie %x, want %s", i, o.Cookie, want)
			}
		}
		r.asked("a.example. A")
		r.counted("nodecache_coalesced_queries_total 49")
		r.idle()
	})
}

// fromHex returns the eight bytes of %016x.
func fromHex(i int) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, byte(i)} }

// idle checks that nothing is under way.
func (r *rig) idle() {
	r.t.Helper()
	synctest.Wait()
	l := &r.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all != (load{}) || len(l.clients) != 0 {
		r.t.Errorf("%+v of %d clients", l.all, len(l.clients))
	}
	for i := range r.block.flights.shards {
		if n := len(r.block.flights.shards[i].flying); n != 0 {
			r.t.Errorf("%d flights that never land", n)
		}
	}
}

// TestApart shows which queries do not share a flight.
func TestApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = second })
		var list []*sent
		for _, words := range []string{"a.example.", "a.example. AAAA", "a.example. do", "a.example. cd", "b.example."} {
			list = append(list, r.send(words), r.send(words))
		}
		for _, s := range list {
			s.text()
		}
		if n := len(r.take()); n != 5 {
			t.Errorf("upstream was asked %d times", n)
		}
	})
}

// TestPrefetch asks for a popular name before its answer expires. Nobody waits for that.
func TestPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) {
			b.Policy.Prefetch.Amount, b.Policy.Prefetch.Gap, b.Policy.Prefetch.Percent = 2, time.Minute, 10
		})
		r.up.set(func(f *fake) { f.took = second })
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.ask("a.example.")
		pass(50 * second)
		r.ask("a.example.")
		r.asked("a.example. A")
		pass(5 * second)
		for range 3 {
			r.want("a.example.", "NOERROR; a.example. 5 A 10.0.0.1")
		}
		pass(2 * second)
		r.want("a.example.", "NOERROR; a.example. 59 A 10.0.0.1")
		r.asked("a.example. A")
	})
}

// TestNext hands a query on to the next forward if the code of an answer, or an answer without
// records, says so.
func TestNext(t *testing.T) {
	for _, tt := range []struct {
		says  []string
		next  []wire.Rcode
		empty bool
		want  string
	}{
		{[]string{"NXDOMAIN", "--", soa}, []wire.Rcode{wire.NXDomain, wire.Refused}, false, "NOERROR; a.example. 60 A 10.0.0.2"},
		{[]string{"REFUSED"}, []wire.Rcode{wire.NXDomain, wire.Refused}, false, "NOERROR; a.example. 60 A 10.0.0.2"},
		{[]string{"REFUSED"}, nil, true, "REFUSED"},
		{[]string{"--", soa}, nil, true, "NOERROR; a.example. 60 A 10.0.0.2"},
		{[]string{"--", soa}, []wire.Rcode{wire.NXDomain}, false, "NOERROR; " + soa},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			second := newFake()
			second.say("a.example. A", "a.example. 60 A 10.0.0.2")
			never := &Forward{From: testkit.Name(t, "org."), Upstream: newFake(), Servers: new(cache.Servers)}
			except := &Forward{From: wire.Name{0}, Except: []wire.Name{testkit.Name(t, "example.")}, Upstream: newFake(), Servers: new(cache.Servers)}
			r.block.Forwards = append(r.block.Forwards, never, except, &Forward{From: testkit.Name(t, "example."), Upstream: second, Servers: new(cache.Servers)})
			r.block.Forwards[0].Next, r.block.Forwards[0].NextOnNodata = tt.next, tt.empty
			r.up.say("a.example. A", tt.says...)
			r.want("a.example.", tt.want)
		})
	}
}

// TestNoUpstream answers names that no forward serves.
func TestNoUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.block.Forwards[0].Except = []wire.Name{testkit.Name(t, "example.")}
		r.want("a.example. edns", "SERVFAIL; OPT 1232 ede=14")
		r.asked()
	})
}

// TestScopes shows that names of the cluster domain have a scope of their own.
func TestScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, words := range []string{"a.Cluster.local.", "1.0.0.10.in-addr.arpa. PTR", "a.example."} {
			r.ask(words)
		}
		want := map[string]upstream.Scope{
			"a.cluster.local. A": upstream.Cluster, "1.0.0.10.in-addr.arpa. PTR": upstream.Other, "a.example. A": upstream.Other,
		}
		if fmt.Sprint(r.up.scopes) != fmt.Sprint(want) {
			t.Errorf("%v", r.up.scopes)
		}
	})
}

// TestMalformed answers SERVFAIL, with the reason (RFC 8914, section 4.25), if upstream's answer is
// malformed. Such an answer is not kept, but for 1 s the failure is (RFC 9520, section 3.1 and
// 3.2).
func TestMalformed(t *testing.T) {
	good := func(query []byte) []byte {
		b := bytes.Clone(query)
		b[2] |= 0x80
		return b
	}
	for what, bad := range map[string]func(query []byte) []byte{
		"nothing":             func([]byte) []byte { return nil },
		"half a header":       func(q []byte) []byte { return good(q)[:7] },
		"a record missing":    func(q []byte) []byte { b := good(q); b[7] = 1; b[11] = 0; return b[:len(b)-12] },
		"another question":    func(q []byte) []byte { b := good(q); b[13] ^= 1; return b },
		"no question":         func(q []byte) []byte { b := good(q)[:12]; b[5], b[11] = 0, 0; return b },
		"a loop of pointers":  func(q []byte) []byte { b := good(q); n := len(b) - 11; b[n], b[n+1] = 0xc0, byte(n); return b },
		"BADCOOKIE, RFC 7873": func(q []byte) []byte { b := good(q); b[3] |= 7; b[len(b)-6] = 1; return b },
		"BADVERS, RFC 6891":   func(q []byte) []byte { b := good(q); b[len(b)-6] = 1; return b },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.up.whole = func(q []byte) ([]byte, error) { return bad(q), nil }
				for range 2 {
					r.want("a.example. edns", "SERVFAIL; OPT 1232 ede=24")
					r.want("a.example. edns", "SERVFAIL; OPT 1232 ede=13")
					r.asked("a.example. A")
					pass(second)
				}
				r.idle()
				r.counted(`coredns_cache_drops_total{server="dns://:53",view="",zones="."} 2`)
			})
		})
	}
}

// TestNotKept passes on truncated answers, and denials without an SOA record (RFC 2308, section 5).
// It keeps neither.
func TestNotKept(t *testing.T) {
	for _, says := range [][]string{{"NXDOMAIN"}, {"TC", "a.example. 60 A 10.0.0.1"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("a.example. A", says...)
			want := strings.Join(says, "; ")
			if says[0] == "TC" {
				want = "NOERROR tc; a.example. 60 A 10.0.0.1"
			}
			r.want("a.example.", want)
			r.want("a.example.", want)
			r.asked("a.example. A", "a.example. A")
		})
	}
}

// TestPanic shows that queries are answered when the upstream panics.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.whole = func([]byte) ([]byte, error) { panic("upstream") }
		r.want("a.example. edns", "SERVFAIL; OPT 1232")
		r.counted("coredns_panics_total 1")
		r.idle()
		r.up.whole = nil
		r.want("a.example.", "NXDOMAIN; "+soa)
	})
}

// TestPanicHandle shows that the Resolver survives a panic before a query has left the front.
func TestPanicHandle(t *testing.T) {
	r := newRig(t)
	before := r.Set(r.table(Route{Zone: wire.Name{0}, Count: r.zone}))
	if s := r.send("a.example."); s.now {
		t.Error("answered")
	}
	r.counted("coredns_panics_total 1")
	r.Set(before)
	r.want("localhost.", "NOERROR; localhost. 86400 A 127.0.0.1")
}

// TestPanicLanding shows that a panic in the reply to one client leaves nothing open, and that the
// other clients get their answers.
func TestPanicLanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = second })
		first, other := r.send("a.example."), r.send("a.example.")
		synctest.Wait()
		f := r.flight()
		f.shard.mu.Lock()
		f.waiters[0].route = new(Route) // without a Block
		f.shard.mu.Unlock()
		if b := first.wait(); len(b) != 0 {
			t.Errorf("%x", b)
		}
		if got := other.text(); got != "NXDOMAIN; "+soa {
			t.Error(got)
		}
		r.idle()
	})
}

// flight returns the one flight that is under way.
func (r *rig) flight() *flight {
	r.t.Helper()
	for i := range r.block.flights.shards {
		s := &r.block.flights.shards[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, f := range s.flying {
			return f
		}
	}
	r.t.Fatal("no flight")
	return nil
}

// TestClose ends flights. Those who wait get the reason (RFC 8914, section 4.15).
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = time.Hour })
		s := r.send("a.example. edns")
		began := time.Now()
		r.Close()
		if got := s.text(); got != "SERVFAIL; OPT 1232 ede=14" || time.Since(began) > 0 {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		r.idle()
	})
}

// TestBusy refuses queries that the upstream has no room for, as the stock plugin does.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.err = upstream.ErrBusy
		r.want("a.example.", "REFUSED")
		r.up.err = nil
		r.want("a.example.", "NXDOMAIN; "+soa)
	})
}

// TestErrors shows which queries are reported to Block.Errors.
func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var told []string
		r.block.Errors = func(q *wire.Query, err error) { told = append(told, fmt.Sprint(q.Name, " ", q.Type, ": ", err)) }
		r.up.err = errors.New("gone")
		r.ask("a.example.")
		r.ask("a.example.")
		if len(told) != 1 || told[0] != "a.example. A: gone" {
			t.Errorf("%q", told)
		}
	})
}

// counter is a Responder that counts answers.
type counter struct{ sent atomic.Int64 }

func (c *counter) Send([]byte) { c.sent.Add(1) }

// Part fails: no answer of a node cache has several messages.
func (c *counter) Part([]byte) error { return errors.ErrUnsupported }

// TestRace has several readers ask while answers come and expire, the upstream goes out and comes
// back, the configuration changes, and loops are looked for, many of these at the same moment. Each
// query is answered once.
func TestRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) {
			b.Policy.Positive.Max, b.Policy.Denial.Max = 1, 1
			b.Stale = Stale{On: true, Explicit: true, Wait: step}
		})
		r.up.took = step
		for i := range 10 {
			n := fmt.Sprintf("n%d.example.", i)
			r.up.say(n+" A", n+" 1 A 10.0.0.1", n+" 1 A 10.0.0.2")
		}
		const steps = 1000
		var group sync.WaitGroup
		var left, now atomic.Int64
		later := new(counter)
		for reader := range 4 {
			group.Go(func() {
				for range steps {
					for range 5 {
						if r.askAny(reader, &left, later) {
							now.Add(1)
						}
					}
					pass(step)
				}
			})
		}
		group.Go(func() {
			for range steps {
				r.change()
				pass(step)
			}
		})
		group.Wait()
		r.Close()
		if left.Load() == 0 || now.Load() == 0 || left.Load() != later.sent.Load() {
			t.Errorf("%d queries were left open and %d answered, %d at once", left.Load(), later.sent.Load(), now.Load())
		}
		if l := &r.limits; l.all != (load{}) {
			t.Errorf("%+v", l.all)
		}
	})
}

// step is the time between the moments at which TestRace does something. All its goroutines wake at
// the same moments.
const step = 2 * time.Millisecond

// askAny sends a random query as a reader, and reports whether it was answered at once. If not, it
// counts the query as left open, and later gets the answer.
func (r *rig) askAny(reader int, left *atomic.Int64, later *counter) bool {
	words := fmt.Sprintf("n%d.example. edns", rand.N(10))
	if rand.N(2) == 0 {
		words = team(fmt.Sprint(rand.N(30), ".", rand.N(3), ".com"))
	}
	remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rand.N(9))}), 1)
	open := false
	c := listen.NewClient(remote, r.local, rand.N(2) == 0, func() listen.Responder { open = true; left.Add(1); return later })
	c.Reader = reader
	if len(r.Handle(make([]byte, 0, 1232), build(r.t, words), c)) > 0 {
		return true
	}
	if !open {
		r.t.Error("no answer")
	}
	return false
}

// change changes at random what an upstream and a new configuration may change while queries are
// under way.
func (r *rig) change() {
	r.up.out.Store(rand.N(3) == 0)
	r.up.set(func(f *fake) {
		if f.err = nil; rand.N(3) == 0 {
			f.err = errGone
		}
	})
	block := *r.block
	r.Set(r.table(Route{Zone: wire.Name{0}, Block: &block, Count: r.zone}))
	r.ComesBack(wire.Name{0}, func(*wire.Query) error { return nil })
	r.block.Forwards[0].Servers.Recovered()
}
