package upstream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// withKeepalive answers with an OPT record that holds edns-tcp-keepalive, in units of 100 ms.
func withKeepalive(tenths uint16) handler {
	return func(q []byte, reply func([]byte)) {
		m := wire.Message(response(q)).StripOPT()
		var asked wire.Query
		asked.Parse(q)
		reply(wire.CloseReply(m, 0, wire.MaxMessage, &asked, &wire.Options{Keepalive: true, Timeout: tenths}))
	}
}

// RFC 7828 section 3.2.2: the client closes the connection when the announced time is over, or with
// 0 at once.
func TestKeepaliveRFC7828(t *testing.T) {
	for tenths, limit := range map[uint16]time.Duration{0: 2 * tick, 5: 500 * time.Millisecond} {
		bubble(t, fmt.Sprintf("%d00 ms", tenths), func(t *testing.T) {
			f := inMemory(t, &fake{handle: withKeepalive(tenths)})
			fwd := forward(t, Config{}, f)
			exchangeOK(t, fwd, "a.example", Other)
			testkit.Within(t, limit, "closed", func() bool { return f.Open.Load() == 0 })
			exchangeOK(t, fwd, "b.example", Other)
		})
	}
}

// RFC 7828 section 3.1: a server's option has a TIMEOUT. One without it, as a query has and some
// servers echo, must not be read as a TIMEOUT of 0.
func TestKeepaliveOptionRFC7828(t *testing.T) {
	for options, want := range map[string]time.Duration{
		"":                         -1,
		"\x00\x0b\x00\x00":         -1,
		"\x00\x0b\x00\x02\x00\x1e": 3 * time.Second,
		"\x00\x0b\x00\x02\x00\x00": 0,
		"\x00\x0a\x00\x00\x00\x0b\x00\x02\x00\x1e": -1, // behind a broken cookie
	} {
		if got, ok := keepalive(message(t, []byte(options))); ok != (want >= 0) || ok && got != want {
			t.Errorf("%x: %v %v", options, got, ok)
		}
	}
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{})
		fwd := forward(t, Config{IdleTimeout: 100 * time.Millisecond}, f)
		time.Sleep(time.Minute)
		if f.Dials.Load() != 0 {
			t.Error("connection without a query")
		}
		exchangeOK(t, fwd, "a.example", Other)
		testkit.Within(t, 2*tick, "closed", func() bool { return f.Open.Load() == 0 })
		exchangeOK(t, fwd, "b.example", Cluster)
		if f.Dials.Load() != 2 || fwd.Out() {
			t.Errorf("%d dials; out: %v", f.Dials.Load(), fwd.Out())
		}
	})
}

// Connections are replaced under load, and no query notices.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{})
		var retried atomic.Int64
		c := Config{MaxAge: 200 * time.Millisecond, MaxAsks: 1, Trace: Trace{Hedged: func(Endpoint) { retried.Add(1) }}}
		fwd := forward(t, c, f)
		for began := time.Now(); time.Since(began) < 2*time.Second; {
			exchangeOK(t, fwd, "a.example", Other)
		}
		if n := f.Dials.Load(); n < 3 || n > 20 || f.Most.Load() > 2 || retried.Load() != 0 {
			t.Errorf("%d connections in 2 s, %d at a time, %d hedges", n, f.Most.Load(), retried.Load())
		}
	})
}

// Connections that were opened together do not age out together.
func TestAgeJitter(t *testing.T) {
	s := forward(t, Config{}, inMemory(t, &fake{})).set.Load().order[0]
	var ages []time.Duration
	for range 1000 {
		ages = append(ages, newConn(s, Other, 0).until)
	}
	slices.Sort(ages)
	const age = 5 * time.Minute
	if ages[0] < age*3/4 || ages[999] > age*5/4 || ages[900]-ages[100] < age/3 {
		t.Errorf("from %v to %v", ages[0], ages[999])
	}
}

// A server that is taken out answers what it was asked. One that comes back keeps its connections.
func TestSetServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, other := inMemory(t, &fake{handle: after(300 * time.Millisecond)}), inMemory(t, &fake{})
		fwd := forward(t, Config{Hedge: -1}, slow, other)
		fwd.SetServers([]Endpoint{slow.endpoint(TCP)})
		done := make(chan struct{})
		go func() {
			defer close(done)
			exchangeOK(t, fwd, "a.example", Other)
		}()
		testkit.Eventually(t, "asked", func() bool { return slow.Queries.Load() == 1 })
		fwd.SetServers(nil)
		fwd.SetServers([]Endpoint{other.endpoint(TCP)})
		exchangeOK(t, fwd, "b.example", Other)
		if other.Queries.Load() != 1 {
			t.Error("new server not asked")
		}
		<-done
		if slow.Queries.Load() != 1 {
			t.Errorf("asked %d times", slow.Queries.Load())
		}
		testkit.Eventually(t, "closed", func() bool { return slow.Open.Load() == 0 })
		dials := other.Dials.Load()
		fwd.SetServers([]Endpoint{slow.endpoint(TCP), other.endpoint(TCP)})
		fwd.SetServers([]Endpoint{other.endpoint(TCP)})
		fwd.SetServers([]Endpoint{slow.endpoint(TCP), other.endpoint(TCP)})
		time.Sleep(2 * tick) // tend would remove a server by then
		if len(fwd.Servers()) != 2 || len(fwd.all()) != 2 || other.Dials.Load() != dials {
			t.Errorf("servers %v, %d dials", fwd.Servers(), other.Dials.Load()-dials)
		}
	})
}

// Frames may come in any pieces.
func TestFrames(t *testing.T) {
	s := forward(t, Config{}, inMemory(t, &fake{})).set.Load().order[0]
	whole := bytes.Repeat(append(binary.BigEndian.AppendUint16(nil, 40), make([]byte, 40)...), 5)
	for cut := range len(whole) {
		c := newConn(s, Other, 1)
		rest, ok := c.frames(whole[:cut])
		if !ok || len(rest) != cut%42 || c.strange != cut/42 {
			t.Fatalf("%d bytes: %d left, %d strange", cut, len(rest), c.strange)
		}
	}
}
