package upstream

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// withKeepalive answers with an OPT record that holds edns-tcp-keepalive, in units of 100 ms.
func withKeepalive(tenths uint16) func(q []byte, reply func([]byte)) {
	return func(q []byte, reply func([]byte)) {
		m := wire.Message(response(q)).StripOPT()
		var asked wire.Query
		asked.Parse(q)
		reply(wire.CloseReply(m, 0, wire.MaxMessage, &asked, &wire.Options{Keepalive: true, Timeout: tenths}))
	}
}

// RFC 7828 section 3.2.2: the client closes when the announced time is over, or with 0 at once.
func TestKeepaliveRFC7828(t *testing.T) {
	for tenths, within := range map[uint16]time.Duration{0: 600 * time.Millisecond, 5: 1100 * time.Millisecond} {
		f := serve(t, &fake{handle: withKeepalive(tenths)})
		p := pool(t, Config{}, f)
		exchangeOK(t, p, "a.example", Other)
		began := time.Now()
		eventually(t, "closed", func() bool { return f.open.Load() == 0 })
		if took := time.Since(began); took > within {
			t.Errorf("%d00 ms announced: open for %v", tenths, took)
		}
		exchangeOK(t, p, "b.example", Other)
	}
}

func TestIdle(t *testing.T) {
	f := serve(t, &fake{})
	p := pool(t, Config{IdleTimeout: 100 * time.Millisecond}, f)
	if time.Sleep(10 * time.Millisecond); f.dials.Load() != 0 {
		t.Error("connection without a query")
	}
	exchangeOK(t, p, "a.example", Other)
	eventually(t, "closed", func() bool { return f.open.Load() == 0 })
	exchangeOK(t, p, "b.example", Cluster)
	if f.dials.Load() != 2 || p.Out() {
		t.Errorf("%d dials; out: %v", f.dials.Load(), p.Out())
	}
}

// Connections are replaced under load, and no query notices.
func TestAge(t *testing.T) {
	f := serve(t, &fake{})
	var retried atomic.Int64
	c := Config{MaxAge: 200 * time.Millisecond, MaxAsks: 1, Trace: Trace{Hedged: func(Endpoint) { retried.Add(1) }}}
	p := pool(t, c, f)
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		exchangeOK(t, p, "a.example", Other)
	}
	if n := f.dials.Load(); n < 3 || n > 20 || f.most.Load() > 2 || retried.Load() != 0 {
		t.Errorf("%d connections in 2 s, %d at a time, %d hedges", n, f.most.Load(), retried.Load())
	}
}

// Connections that were opened together do not age out together.
func TestAgeJitter(t *testing.T) {
	s := pool(t, Config{}, serve(t, &fake{})).set.Load().order[0]
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

// A server that is taken out answers what it was asked; one that comes back keeps its connections.
func TestSetServers(t *testing.T) {
	slow := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { time.Sleep(300 * time.Millisecond); echo(q, reply) }})
	other := serve(t, &fake{})
	p := pool(t, Config{Hedge: -1}, slow)
	done := make(chan struct{})
	go func() {
		defer close(done)
		exchangeOK(t, p, "a.example", Other)
	}()
	eventually(t, "asked", func() bool { return slow.queries.Load() == 1 })
	p.SetServers(nil)
	p.SetServers([]Endpoint{other.endpoint(TCP)})
	exchangeOK(t, p, "b.example", Other)
	if other.queries.Load() != 1 {
		t.Error("new server not asked")
	}
	<-done
	if slow.queries.Load() != 1 {
		t.Errorf("asked %d times", slow.queries.Load())
	}
	eventually(t, "closed", func() bool { return slow.open.Load() == 0 })
	p.SetServers([]Endpoint{slow.endpoint(TCP), other.endpoint(TCP)})
	p.SetServers([]Endpoint{other.endpoint(TCP)})
	p.SetServers([]Endpoint{slow.endpoint(TCP), other.endpoint(TCP)})
	time.Sleep(2 * tick)
	if len(p.Servers()) != 2 || len(p.all()) != 2 {
		t.Errorf("servers %v", p.Servers())
	}
}
