package upstream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

func TestExchange(t *testing.T) {
	f := serve(t, &fake{})
	p := pool(t, Config{}, f)
	exchangeOK(t, p, "a.example", Cluster)
	if p.Out() || len(p.Servers()) != 1 {
		t.Error("healthy server is out")
	}
}

func TestExchangeRejectsWhatIsNoQuery(t *testing.T) {
	p := pool(t, Config{}, serve(t, &fake{}))
	long := &wire.Query{Name: bytes.Repeat([]byte("\x01a"), 200)}
	for _, test := range []struct {
		q       *wire.Query
		options []byte
	}{{q: &wire.Query{}}, {q: &wire.Query{Name: wire.Name("\x01a")}}, {q: long}, {queryFor(t, "a.example"), make([]byte, wire.MaxMessage)}} {
		if m, err := p.Exchange(t.Context(), []byte("kept"), test.q, test.options, Other); !errors.Is(err, errQuery) || string(m) != "kept" {
			t.Errorf("%v with %d bytes of options: %v", test.q.Name, len(test.options), err)
		}
	}
}

// optRecord is what queries end with here.
var optRecord = []byte{0, 0, byte(wire.OPTRR), wire.UDPSize >> 8, wire.UDPSize & 0xff, 0, 0, 0, 0, 0, 0}

// Hard use: whatever else a server says on a connection, each query gets its own answer.
func TestStrangeMessages(t *testing.T) {
	other := messageFor(t, "other.example")
	tests := map[string]func(q []byte, reply func([]byte)){
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
			p := pool(t, Config{}, serve(t, &fake{handle: handle}))
			var group sync.WaitGroup
			for i := range 200 {
				group.Go(func() { exchangeOK(t, p, fmt.Sprintf("n%d.example", i), Scope(i%2)) })
			}
			group.Wait()
		})
	}
}

// A late answer must not be taken for that of a later query, with whatever ID.
func TestLateAnswers(t *testing.T) {
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if strings.HasPrefix(name(q), "late") {
			time.Sleep(300 * time.Millisecond)
		}
		echo(q, reply)
	}})
	p := pool(t, Config{Hedge: -1}, f)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			q := queryFor(t, fmt.Sprintf("late%d.example", i))
			if m, err := p.Exchange(ctx, nil, q, nil, Other); err == nil {
				t.Errorf("answered: %x", m)
			}
		})
	}
	group.Wait()
	for i := range 2000 {
		exchangeOK(t, p, fmt.Sprintf("n%d.example", i), Other)
	}
	if p.Out() {
		t.Error("a slow server is not out")
	}
}

// An answer without a question (RFC 1035 section 7.3 knows none) is one where the server
// says that it could not read or would not take the query.
func TestAnswerWithoutQuestion(t *testing.T) {
	p := pool(t, Config{}, serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		reply(append([]byte{q[0], q[1], 0x80, 1}, make([]byte, 8)...))
	}}))
	if m := exchangeOK(t, p, "a.example", Other); wire.Message(m).Rcode() != wire.FormError {
		t.Errorf("FORMERR expected: %x", m)
	}
}

func TestTruncatedOverTCP(t *testing.T) {
	bad, good := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { reply(truncated(q)) }}), serve(t, &fake{})
	p := pool(t, Config{Policy: Sequential}, bad, good)
	if m := exchangeOK(t, p, "a.example", Other); wire.Message(m).Truncated() {
		t.Error("truncated answer although another server has the whole")
	}
	p = pool(t, Config{}, bad)
	if m := exchangeOK(t, p, "a.example", Other); !wire.Message(m).Truncated() {
		t.Error("the truncated answer is the only one")
	}
}

func TestFailover(t *testing.T) {
	refuse := func(q []byte, reply func([]byte)) { reply(withRcode(q, wire.Refused)) }
	bad, good := serve(t, &fake{handle: refuse}), serve(t, &fake{})
	p := pool(t, Config{Policy: Sequential, Failover: []uint8{5}}, bad, good)
	if m := exchangeOK(t, p, "a.example", Other); m[3] != 0 {
		t.Error("answer of the failing server")
	}
	p = pool(t, Config{Policy: Sequential}, bad, good)
	if m := exchangeOK(t, p, "a.example", Other); m[3] != 5 {
		t.Error("without failover an answer is an answer")
	}
	p = pool(t, Config{Failover: []uint8{5}}, bad, bad)
	if m := exchangeOK(t, p, "a.example", Other); m[3] != 5 {
		t.Error("the last answer is returned where all fail over")
	}
}

// A stream of messages that answer nothing is no better than silence.
func TestEndlessGarbage(t *testing.T) {
	bad := serve(t, &fake{handle: func(_ []byte, reply func([]byte)) {
		for range 200 {
			reply(make([]byte, 40))
		}
	}})
	p := pool(t, Config{Policy: Sequential, Hedge: -1}, bad, serve(t, &fake{}))
	began := time.Now()
	exchangeOK(t, p, "a.example", Other)
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// RFC 7766 section 6.2.1.1: 200 outstanding queries take at most 4 connections to a server,
// whatever the load.
func TestPipeliningRFC7766(t *testing.T) {
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
		echo(q, reply)
	}})
	p := pool(t, Config{}, f)
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			for j := range 50 {
				exchangeOK(t, p, fmt.Sprintf("n%d-%d.example", i, j), Scope(i%2))
			}
		})
	}
	group.Wait()
	if f.most.Load() > 4 || f.dials.Load() > 4 {
		t.Errorf("%d connections, %d dials", f.most.Load(), f.dials.Load())
	}
}

// So it is when the server answers in order, or not at all.
func TestAtMostFour(t *testing.T) {
	slow := func(q []byte, reply func([]byte)) { time.Sleep(20 * time.Millisecond); echo(q, reply) }
	for what, handle := range map[string]func([]byte, func([]byte)){"in order": slow, "silent": silent} {
		t.Run(what, func(t *testing.T) {
			f := serve(t, &fake{handle: handle, inOrder: true})
			p := pool(t, Config{}, f)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var group sync.WaitGroup
			for i := range 1000 {
				group.Go(func() { _, _ = p.Exchange(ctx, nil, queryFor(t, fmt.Sprint("n", i)), nil, Scope(i%2)) })
			}
			group.Wait()
			if n := f.most.Load(); n < 2 || n > 4 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// So it is when one server is asked by name of it, while its connections are in use.
func TestExchangeWith(t *testing.T) {
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { time.Sleep(5 * time.Millisecond); echo(q, reply) }})
	p := pool(t, Config{}, f)
	var group sync.WaitGroup
	group.Go(func() { flood(t, p) })
	for i := range 20 {
		if _, err := p.ExchangeWith(t.Context(), queryFor(t, fmt.Sprint("with", i)), Other, p.Servers()[0]); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if n := f.most.Load(); n > 4 {
		t.Errorf("%d connections", n)
	}
	if _, err := p.ExchangeWith(t.Context(), queryFor(t, "other"), Other, Endpoint{}); err != errNoServer {
		t.Error(err)
	}
}

// So it is when several Forwards ask one server, each by options of its own, and none of them goes
// without. Once they are closed but for one, that may have all four.
func TestAtMostFourOfMany(t *testing.T) {
	for _, count := range []int{2, 3, 4} {
		f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
			time.Sleep(5 * time.Millisecond)
			echo(q, reply)
		}})
		shares := new(Shares)
		var pools []*Forward
		for range count {
			pools = append(pools, pool(t, Config{Shares: shares}, f))
		}
		flood(t, pools...)
		if n := f.most.Load(); n != 4 {
			t.Errorf("%d Forwards: %d connections, want 4", count, n)
		}
		for _, p := range pools[1:] {
			p.Close()
		}
		flood(t, pools[0])
		if n := f.open.Load(); n != 4 {
			t.Errorf("one of %d is left: %d connections, want 4", count, n)
		}
		pools[0].Close()
		if len(shares.taken) > 0 {
			t.Errorf("still taken: %v", shares.taken)
		}
	}
}

// flood asks all Forwards in both scopes, more at a time than one connection is meant for.
func flood(t *testing.T, pools ...*Forward) {
	var group sync.WaitGroup
	for i := range 800 {
		group.Go(func() {
			for j := range 5 {
				exchangeOK(t, pools[i%len(pools)], fmt.Sprintf("n%d-%d.example", i, j), Scope(i/len(pools)%2))
			}
		})
	}
	group.Wait()
}

// A server may close a connection after any number of answers (CoreDNS's max_tcp_queries is
// such a number). The queries it still owes are asked again, as often as it takes.
func TestServerClosesAfterSomeAnswers(t *testing.T) {
	f := serve(t, &fake{inOrder: true, limit: 20})
	load(t, pool(t, Config{}, f), 500, 100, "n", Other)
}

// Frames may come in any pieces.
func TestFrames(t *testing.T) {
	p := pool(t, Config{}, serve(t, &fake{}))
	s := p.set.Load().order[0]
	whole := bytes.Repeat(append(binary.BigEndian.AppendUint16(nil, 40), make([]byte, 40)...), 5)
	for cut := range len(whole) {
		c := newConn(s, Other, 1)
		rest, ok := c.frames(whole[:cut])
		if !ok || len(rest) != cut%42 || c.strange != cut/42 {
			t.Fatalf("%d bytes: %d left, %d strange", cut, len(rest), c.strange)
		}
	}
}
