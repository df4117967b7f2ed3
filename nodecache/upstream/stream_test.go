package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

func TestExchange(t *testing.T) {
	f := serve(t, &fake{})
	fwd := forward(t, Config{}, f)
	exchangeOK(t, fwd, "a.example", Cluster)
	if fwd.Out() || len(fwd.Servers()) != 1 {
		t.Error("healthy server is out")
	}
}

func TestExchangeRejectsWhatIsNoQuery(t *testing.T) {
	fwd := forward(t, Config{}, inMemory(t, &fake{}))
	long := &wire.Query{Name: bytes.Repeat([]byte("\x01a"), 200)}
	for _, test := range []struct {
		q       *wire.Query
		options []byte
	}{{q: &wire.Query{}}, {q: &wire.Query{Name: wire.Name("\x01a")}}, {q: long}, {queryFor(t, "a.example"), make([]byte, wire.MaxMessage)}} {
		if m, err := fwd.Exchange(t.Context(), []byte("kept"), test.q, test.options, Other); !errors.Is(err, errQuery) || string(m) != "kept" {
			t.Errorf("%v with %d bytes of options: %v", test.q.Name, len(test.options), err)
		}
	}
}

// optRecord is what queries end with here.
var optRecord = []byte{0, 0, byte(wire.OPTRR), wire.UDPSize >> 8, wire.UDPSize & 0xff, 0, 0, 0, 0, 0, 0}

// Whatever else a server says on a connection, each query gets its own answer.
func TestStrangeMessages(t *testing.T) {
	other := messageFor(t, "other.example")
	tests := map[string]handler{
		"wrong ID first": func(q []byte, reply func([]byte)) {
			m := response(q)
			m[0]++
			reply(m)
			reply(response(q))
		},
		"wrong question first": func(q []byte, reply func([]byte)) {
			m := response(other)
			copy(m, q[:2])
			reply(m)
			reply(response(q))
		},
		"wrong type first": func(q []byte, reply func([]byte)) {
			m := response(q)
			m[len(m)-len(optRecord)-3] = 99
			reply(m)
			reply(response(q))
		},
		"no question, no error": func(q []byte, reply func([]byte)) {
			reply(append(append([]byte(nil), q[0], q[1], 0x80), make([]byte, 9)...))
			reply(response(q))
		},
		"query instead of response": func(q []byte, reply func([]byte)) { reply(q); reply(response(q)) },
		"twice":                     func(q []byte, reply func([]byte)) { reply(response(q)); reply(response(q)) },
		"garbage": func(q []byte, reply func([]byte)) {
			reply(nil)
			reply([]byte("x"))
			reply(bytes.Repeat([]byte{0xff}, 300))
			reply(response(q))
		},
		"largest": func(q []byte, reply func([]byte)) {
			reply(append(response(q), make([]byte, wire.MaxMessage-len(q))...))
		},
		"letter case": func(q []byte, reply func([]byte)) {
			m := response(q)
			n, _, _, _ := wire.Message(m).Question()
			copy(n, bytes.ToUpper(n))
			reply(m)
		},
	}
	for what, handle := range tests {
		t.Run(what, func(t *testing.T) {
			fwd := forward(t, Config{}, serve(t, &fake{handle: handle}))
			var group sync.WaitGroup
			for i := range 200 {
				group.Go(func() { exchangeOK(t, fwd, fmt.Sprintf("n%d.example", i), Scope(i%2)) })
			}
			group.Wait()
		})
	}
}

// A late answer must not be taken for the answer to a later query, whatever IDs they have.
func TestLateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) {
			if strings.HasPrefix(name(q), "late") {
				time.Sleep(300 * time.Millisecond)
			}
			echo(q, reply)
		}})
		fwd := forward(t, Config{Hedge: -1}, f)
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				q := queryFor(t, fmt.Sprintf("late%d.example", i))
				if m, err := fwd.Exchange(ctx, nil, q, nil, Other); err == nil {
					t.Errorf("answered: %x", m)
				}
			})
		}
		group.Wait()
		for i := range 2000 {
			exchangeOK(t, fwd, fmt.Sprintf("n%d.example", i), Other)
		}
		if fwd.Out() {
			t.Error("a slow server is not out")
		}
	})
}

// An answer may lack the question, although RFC 1035 section 7.3 does not provide for it. The server
// says so that it could not read the query or would not take it.
func TestAnswerWithoutQuestion(t *testing.T) {
	fwd := forward(t, Config{}, inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) {
		reply(append([]byte{q[0], q[1], 0x80, 1}, make([]byte, 8)...))
	}}))
	if m := exchangeOK(t, fwd, "a.example", Other); wire.Message(m).Rcode() != wire.FormError {
		t.Errorf("FORMERR expected: %x", m)
	}
}

func TestTruncatedOverTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) { reply(truncated(q)) }}), inMemory(t, &fake{})
		fwd := forward(t, Config{Policy: Sequential}, bad, good)
		if m := exchangeOK(t, fwd, "a.example", Other); wire.Message(m).Truncated() {
			t.Error("truncated answer although another server has the whole")
		}
		fwd = forward(t, Config{}, bad)
		if m := exchangeOK(t, fwd, "a.example", Other); !wire.Message(m).Truncated() {
			t.Error("the truncated answer is the only one")
		}
	})
}

func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := func(q []byte, reply func([]byte)) { reply(withRcode(q, wire.Refused)) }
		bad, good := inMemory(t, &fake{handle: refuse}), inMemory(t, &fake{})
		fwd := forward(t, Config{Policy: Sequential, Failover: []uint8{5}}, bad, good)
		if m := exchangeOK(t, fwd, "a.example", Other); wire.Message(m).HeaderRcode() != wire.NoError {
			t.Error("answer of the failing server")
		}
		fwd = forward(t, Config{Policy: Sequential}, bad, good)
		if m := exchangeOK(t, fwd, "a.example", Other); wire.Message(m).HeaderRcode() != wire.Refused {
			t.Error("without failover an answer is an answer")
		}
		fwd = forward(t, Config{Failover: []uint8{5}}, bad, bad)
		if m := exchangeOK(t, fwd, "a.example", Other); wire.Message(m).HeaderRcode() != wire.Refused {
			t.Error("the last answer is returned where all fail over")
		}
	})
}

// A server that only sends messages which answer nothing is no better than a silent one.
func TestEndlessGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := inMemory(t, &fake{handle: func(_ []byte, reply func([]byte)) {
			for range 200 {
				reply(make([]byte, 40))
			}
		}})
		fwd := forward(t, Config{Policy: Sequential, Hedge: -1}, bad, inMemory(t, &fake{}))
		began := time.Now()
		exchangeOK(t, fwd, "a.example", Other)
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// RFC 7766 section 6.2.1.1: 200 outstanding queries take at most 4 connections to a server, however
// many follow.
func TestPipeliningRFC7766(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) {
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
			echo(q, reply)
		}})
		fwd := forward(t, Config{}, f)
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() {
				for j := range 50 {
					exchangeOK(t, fwd, fmt.Sprintf("n%d-%d.example", i, j), Scope(i%2))
				}
			})
		}
		group.Wait()
		if f.Most.Load() > DefaultMaxConns || f.Dials.Load() > DefaultMaxConns {
			t.Errorf("%d connections, %d dials", f.Most.Load(), f.Dials.Load())
		}
	})
}

// That is so if the server answers in order, or not at all.
func TestAtMostFour(t *testing.T) {
	for what, handle := range map[string]handler{"in order": after(20 * time.Millisecond), "silent": silent} {
		bubble(t, what, func(t *testing.T) {
			f := inMemory(t, &fake{handle: handle, Server: testkit.Server{InOrder: true}})
			fwd := forward(t, Config{}, f)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var group sync.WaitGroup
			for i := range 1000 {
				group.Go(func() { _, _ = fwd.Exchange(ctx, nil, queryFor(t, fmt.Sprint("n", i)), nil, Scope(i%2)) })
			}
			group.Wait()
			if n := f.Most.Load(); n < 2 || n > 4 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// That is so if one server is asked on its own while its connections are in use.
func TestExchangeWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{handle: after(5 * time.Millisecond)})
		fwd := forward(t, Config{}, f)
		var group sync.WaitGroup
		group.Go(func() { flood(t, fwd) })
		for i := range 20 {
			if _, err := fwd.ExchangeWith(t.Context(), queryFor(t, fmt.Sprint("with", i)), Other, fwd.Servers()[0]); err != nil {
				t.Error(err)
			}
		}
		group.Wait()
		if n := f.Most.Load(); n > 4 {
			t.Errorf("%d connections", n)
		}
		if _, err := fwd.ExchangeWith(t.Context(), queryFor(t, "other"), Other, Endpoint{}); err != errNoServer {
			t.Error(err)
		}
	})
}

// That is so if several Forwards ask one server, each with options of its own, and each of them has
// a connection. Once all but one are closed, that one may have all four.
func TestAtMostFourOfMany(t *testing.T) {
	for _, count := range []int{2, 3, 4} {
		bubble(t, fmt.Sprint(count, " Forwards"), func(t *testing.T) {
			f := inMemory(t, &fake{handle: after(5 * time.Millisecond)})
			shares := new(Shares)
			var forwards []*Forward
			for range count {
				forwards = append(forwards, forward(t, Config{Shares: shares}, f))
			}
			flood(t, forwards...)
			if n := f.Most.Load(); n != 4 {
				t.Errorf("%d Forwards: %d connections, want 4", count, n)
			}
			for _, fwd := range forwards[1:] {
				fwd.Close()
			}
			flood(t, forwards[0])
			if n := f.Open.Load(); n != 4 {
				t.Errorf("one of %d is left: %d connections, want 4", count, n)
			}
			forwards[0].Close()
			if len(shares.taken) > 0 {
				t.Errorf("still taken: %v", shares.taken)
			}
		})
	}
}

// flood asks all Forwards in both scopes. It asks more at a time than one connection is meant for.
func flood(t *testing.T, forwards ...*Forward) {
	var group sync.WaitGroup
	for i := range 800 {
		group.Go(func() {
			for j := range 5 {
				exchangeOK(t, forwards[i%len(forwards)], fmt.Sprintf("n%d-%d.example", i, j), Scope(i/len(forwards)%2))
			}
		})
	}
	group.Wait()
}

// A server may close a connection after any number of answers, such as CoreDNS's max_tcp_queries.
// The queries that it has not answered are asked again, as often as it takes.
func TestServerClosesAfterSomeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{Server: testkit.Server{InOrder: true, Limit: 20}})
		load(t, forward(t, Config{}, f), 500, 100, "n", Other)
	})
}
