package resolve

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/upstream"
)

// mixCase returns text with each letter's case thrown.
func mixCase(text string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' && rand.N(2) == 0 {
			c -= 'a' - 'A'
		}
		return c
	}, text)
}

// TestCoalesce asks upstream once for 50 who ask the same at a time. Each gets an answer of
// its own: ID, letter case, flags, cookie, and as much as it takes.
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

// TestApart shows which queries are not the same.
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
		if n := len(r.up.take()); n != 5 {
			t.Errorf("upstream was asked %d times", n)
		}
	})
}

// TestPrefetch asks for a popular name before it expires, and nobody waits.
func TestPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) {
			b.Policy.Prefetch.Amount, b.Policy.Prefetch.Gap, b.Policy.Prefetch.Percent = 2, time.Minute, 10
		})
		r.up.set(func(f *fake) { f.took = second })
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.ask("a.example.")
		time.Sleep(50 * second)
		r.ask("a.example.")
		r.asked("a.example. A")
		time.Sleep(5 * second)
		for range 3 {
			r.want("a.example.", "NOERROR; a.example. 5 A 10.0.0.1")
		}
		time.Sleep(2 * second)
		r.want("a.example.", "NOERROR; a.example. 59 A 10.0.0.1")
		r.asked("a.example. A")
	})
}

// TestNext asks the next upstream where a code, or an answer without records, says so.
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
			never := &Forward{From: name(t, "org."), Upstream: newFake(), Servers: new(cache.Servers)}
			except := &Forward{From: wire.Name{0}, Except: []wire.Name{name(t, "example.")}, Upstream: newFake(), Servers: new(cache.Servers)}
			r.block.Forwards = append(r.block.Forwards, never, except, &Forward{From: name(t, "example."), Upstream: second, Servers: new(cache.Servers)})
			r.block.Forwards[0].Next, r.block.Forwards[0].NextOnNodata = tt.next, tt.empty
			r.up.say("a.example. A", tt.says...)
			r.want("a.example.", tt.want)
		})
	}
}

// TestNoUpstream says so to names that no forward is for.
func TestNoUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.block.Forwards[0].Except = []wire.Name{name(t, "example.")}
		r.want("a.example. edns", "SERVFAIL; OPT 1232 ede=14")
		r.asked()
	})
}

// TestScopes keeps names of the cluster domain apart from all others.
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

// TestMalformed gives SERVFAIL, and says why (RFC 8914, section 4.25), for answers that are
// none, and keeps none. It keeps for 1 s that there was none (RFC 9520, section 3.1 and 3.2).
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
					time.Sleep(second)
				}
				r.idle()
				r.counted(`coredns_cache_drops_total{server="dns://:53",view="",zones="."} 2`)
			})
		})
	}
}

// TestNotKept passes on truncated answers and denials without an SOA record (RFC 2308, section 5),
// and keeps neither.
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

// TestPanic survives an upstream that panics, and answers.
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

// TestPanicHandle survives what goes wrong before a query has left the front.
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

// TestPanicLanding survives what goes wrong with one of those who wait: the others get their
// answers, and the one leaves nothing open.
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

// TestClose ends flights: who waits is told (RFC 8914, section 4.15).
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

// TestBusy refuses what the upstream has no room for, as the stock plugin does.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.err = upstream.ErrBusy
		r.want("a.example.", "REFUSED")
		r.up.err = nil
		r.want("a.example.", "NXDOMAIN; "+soa)
	})
}

// TestErrors tells of queries that failed.
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
