package upstream

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// old is a server that knows no EDNS: refuse says what it answers to an OPT record, if anything.
// With others it answers rightly.
type old struct {
	*fake
	with, without atomic.Int64 // queries with and without an OPT record
	cured         atomic.Bool  // it knows EDNS now
}

func newOld(t *testing.T, refuse func(q []byte, reply func([]byte))) *old {
	o := &old{fake: &fake{}}
	o.handle = func(q []byte, reply func([]byte)) {
		if _, ok := wire.Message(q).OPT(); !ok {
			o.without.Add(1)
			echo(q, reply)
			return
		}
		o.with.Add(1)
		if o.cured.Load() {
			echo(q, reply)
			return
		}
		refuse(q, reply)
	}
	serve(t, o.fake)
	return o
}

// refusals are what servers without EDNS say to an OPT record. The first three are what RFC
// 6891 section 7 wants or what is seen instead.
var refusals = map[string]func(q []byte, reply func([]byte)){
	"FORMERR":                    func(q []byte, reply func([]byte)) { reply(wire.Message(withRcode(q, wire.FormError)).StripOPT()) },
	"NOTIMP":                     func(q []byte, reply func([]byte)) { reply(wire.Message(withRcode(q, wire.NotImpl)).StripOPT()) },
	"header":                     func(q []byte, reply func([]byte)) { reply(append([]byte{q[0], q[1], 0x80, 1}, make([]byte, 8)...)) },
	"FORMERR and the OPT record": func(q []byte, reply func([]byte)) { reply(withRcode(q, wire.FormError)) },
	"silence":                    silent,
}

// RFC 6891 section 7: a server that can't read an OPT record is asked without one, whether it
// says so or not, over UDP and TCP, and for DNSSEC's records (DO) too. That is remembered, and
// every now and then forgotten if it has learned.
func TestServerWithoutEDNSRFC6891(t *testing.T) {
	for what, refuse := range refusals {
		for _, proto := range []Proto{UDP, TCP} {
			for _, do := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d DO %v", what, proto, do), func(t *testing.T) {
					t.Parallel()
					o := newOld(t, refuse)
					p := pool(t, Config{Servers: []Endpoint{o.endpoint(proto)}})
					ednsWell(t, p, o, do)
				})
			}
		}
	}
}

func ednsWell(t *testing.T, p *Forward, o *old, do bool) {
	for i := range 20 {
		ednsAsk(t, p, fmt.Sprint("first", i), do)
	}
	s := p.set.Load().order[0]
	eventually(t, "it is known", func() bool { return s.edns.Load() == lacking })
	before, began := o.with.Load(), time.Now()
	for i := range 200 {
		ednsAsk(t, p, fmt.Sprint("n", i), do)
	}
	if n := o.with.Load() - before; n > 1+int64(time.Since(began)/time.Second) {
		t.Errorf("%d of 200 queries have an OPT record", n)
	}
	if p.Out() {
		t.Error("it is out")
	}
	o.cured.Store(true)
	eventually(t, "it is forgotten", func() bool { return s.edns.Load() == takes })
	before = o.without.Load()
	for i := range 50 {
		ednsAsk(t, p, fmt.Sprint("cured", i), do)
	}
	if n := o.without.Load() - before; n > 0 {
		t.Errorf("%d of 50 queries have no OPT record though it knows EDNS", n)
	}
}

// ednsAsk asks with an OPT record and checks the answer.
func ednsAsk(t *testing.T, p *Forward, of string, do bool) {
	t.Helper()
	q := queryFor(t, of+".example")
	q.ID, q.DO = 7, do
	m, err := p.Exchange(t.Context(), nil, q, nil, Other)
	if err != nil || wire.Message(m).ID() != 7 || wire.Message(m).Rcode() != wire.NoError {
		t.Errorf("%s: %x, %v", of, m, err)
	}
}

// What refuses a query with and without an OPT record refuses the query: that is the answer, and
// says nothing of EDNS. So it is with what refuses one name only.
func TestRefusalOfTheQuery(t *testing.T) {
	for _, proto := range []Proto{UDP, TCP} {
		f := &fake{}
		var asked atomic.Int64
		f.handle = func(q []byte, reply func([]byte)) {
			if strings.HasPrefix(name(q), "bad") {
				asked.Add(1)
				reply(withRcode(q, wire.FormError))
				return
			}
			echo(q, reply)
		}
		serve(t, f)
		p := pool(t, Config{Servers: []Endpoint{f.endpoint(proto)}})
		for i := range 5 {
			if m := exchangeOK(t, p, fmt.Sprintf("bad%d.example", i), Other); wire.Message(m).HeaderRcode() != wire.FormError {
				t.Errorf("%x", m)
			}
			if m := exchangeOK(t, p, fmt.Sprintf("good%d.example", i), Other); wire.Message(m).HeaderRcode() != wire.NoError {
				t.Errorf("%x", m)
			}
		}
		if n := asked.Load(); n != 10 {
			t.Errorf("asked %d times, expected twice for each of 5 names", n)
		}
		if s := p.set.Load().order[0].edns.Load(); s != takes {
			t.Errorf("EDNS is %d", s)
		}
	}
}

// An answer without an OPT record is an answer (RFC 6891 section 6.1.1 wants one, many servers
// send none), and a server that gives such goes on to be asked with one.
func TestAnswerWithoutOPT(t *testing.T) {
	var without atomic.Int64
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if _, ok := wire.Message(q).OPT(); !ok {
			without.Add(1)
		}
		reply(wire.Message(response(q)).StripOPT())
	}})
	for _, proto := range []Proto{UDP, TCP} {
		p := pool(t, Config{Servers: []Endpoint{f.endpoint(proto)}})
		for i := range 20 {
			exchangeOK(t, p, fmt.Sprintf("n%d.example", i), Other)
		}
	}
	if n := without.Load(); n > 0 {
		t.Errorf("%d queries without an OPT record", n)
	}
}

// A server that knows EDNS and loses packets is not asked without an OPT record (dnsflagday.net/2019).
func TestLossIsNoLackOfEDNS(t *testing.T) {
	var asked, without atomic.Int64
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if _, ok := wire.Message(q).OPT(); !ok {
			without.Add(1)
		}
		if asked.Add(1)%3 != 0 {
			echo(q, reply)
		}
	}})
	p := pool(t, Config{Servers: []Endpoint{f.endpoint(UDP)}})
	var group sync.WaitGroup
	exchangeOK(t, p, "first.example", Other) // from here on it is known
	for i := range 30 {
		group.Go(func() { _, _ = exchangeErr(t, p, fmt.Sprintf("n%d.example", i), Other) })
	}
	group.Wait()
	if n := without.Load(); n > 0 {
		t.Errorf("%d queries without an OPT record", n)
	}
}

// A server that drops OPT records all of a sudden is out, until its checks find that out.
func TestServerLosesEDNS(t *testing.T) {
	for _, proto := range []Proto{UDP, TCP} {
		o := newOld(t, silent)
		o.cured.Store(true)
		p := pool(t, Config{Servers: []Endpoint{o.endpoint(proto)}, ReadTimeout: 200 * time.Millisecond, CheckInterval: time.Millisecond})
		ednsAsk(t, p, "first", false)
		o.cured.Store(false)
		_, _ = exchangeErr(t, p, "lost.example", Other)
		s := p.set.Load().order[0]
		eventually(t, "it is known", func() bool { return s.edns.Load() == lacking })
		ednsAsk(t, p, "then", false)
	}
}

// A server whose answers speak for and against EDNS in turn is looked into once at a time.
func TestDoubtsOnce(t *testing.T) {
	o := newOld(t, silent)
	p := pool(t, Config{Servers: []Endpoint{o.endpoint(UDP)}})
	s := p.set.Load().order[0]
	for range 100 {
		s.doubt()
		s.edns.Store(takes)
	}
	s.doubt()
	eventually(t, "it is known", func() bool { return s.edns.Load() == lacking })
	if n := o.with.Load(); n > 2 {
		t.Errorf("asked %d times at once", n)
	}
	o.cured.Store(true)
	eventually(t, "it is forgotten", func() bool { return s.edns.Load() == takes })
	eventually(t, "it is over", s.learned)
	o.cured.Store(false)
	s.doubt()
	eventually(t, "it is known again", func() bool { return s.edns.Load() == lacking })
}

// A server that says nothing to the query of checks does not lack EDNS for it: once a packet was
// lost, it is still asked for DNSSEC's records.
func TestChecksUnansweredIsNoLackOfEDNS(t *testing.T) {
	var checks, asked, with atomic.Int64
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		_, ok := wire.Message(q).OPT()
		switch {
		case name(q) == "": // the root
			checks.Add(1)
		case asked.Add(1) > 1: // the first is lost
			if ok {
				with.Add(1)
			}
			echo(q, reply)
		}
	}})
	p := pool(t, Config{Servers: []Endpoint{f.endpoint(UDP)}})
	ednsAsk(t, p, "first", false)
	s := p.set.Load().order[0]
	eventually(t, "it is looked into", func() bool { return checks.Load() > 2 })
	if known := s.edns.Load(); known == lacking {
		t.Errorf("EDNS is %d", known)
	}
	ednsAsk(t, p, "signed", true)
	if with.Load() != 1 || s.edns.Load() != takes {
		t.Errorf("%d queries have an OPT record, EDNS is %d", with.Load(), s.edns.Load())
	}
}
