package upstream

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// old is a server without EDNS. refuse is what it does with queries that have an OPT record; it
// answers all others.
type old struct {
	*fake
	with, without atomic.Int64 // queries with and without an OPT record
	cured         atomic.Bool  // it has EDNS now
}

func newOld(t *testing.T, refuse handler) *old {
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

// refusals are what servers without EDNS do with an OPT record. FORMERR is what RFC 6891 section 7
// wants.
var refusals = map[string]handler{
	"FORMERR":                    func(q []byte, reply func([]byte)) { reply(wire.Message(withRcode(q, wire.FormError)).StripOPT()) },
	"NOTIMP":                     func(q []byte, reply func([]byte)) { reply(wire.Message(withRcode(q, wire.NotImpl)).StripOPT()) },
	"header":                     func(q []byte, reply func([]byte)) { reply(append([]byte{q[0], q[1], 0x80, 1}, make([]byte, 8)...)) },
	"FORMERR and the OPT record": func(q []byte, reply func([]byte)) { reply(withRcode(q, wire.FormError)) },
	"silence":                    silent,
}

// RFC 6891 section 7: a server that can't read an OPT record is asked without one, whether it says
// so or not, over UDP and TCP, and also for DNSSEC's records (DO). That is remembered. Every now and
// then the server is asked with an OPT record again, and from then on if it takes it.
func TestServerWithoutEDNSRFC6891(t *testing.T) {
	for what, refuse := range refusals {
		for _, proto := range []Proto{UDP, TCP} {
			for _, do := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d DO %v", what, proto, do), func(t *testing.T) {
					t.Parallel()
					o := newOld(t, refuse)
					fwd := forward(t, Config{Servers: []Endpoint{o.endpoint(proto)}})
					ednsWell(t, fwd, o, do)
				})
			}
		}
	}
}

func ednsWell(t *testing.T, fwd *Forward, o *old, do bool) {
	for i := range 20 {
		ednsAsk(t, fwd, fmt.Sprint("first", i), do)
	}
	s := fwd.set.Load().order[0]
	testkit.Eventually(t, "it is known to lack EDNS", func() bool { return s.edns.Load() == lacking })
	before, began := o.with.Load(), time.Now()
	for i := range 200 {
		ednsAsk(t, fwd, fmt.Sprint("n", i), do)
	}
	if n := o.with.Load() - before; n > 1+int64(time.Since(began)/time.Second) {
		t.Errorf("%d of 200 queries have an OPT record", n)
	}
	if fwd.Out() {
		t.Error("it is out")
	}
	o.cured.Store(true)
	testkit.Eventually(t, "it is known to have EDNS", func() bool { return s.edns.Load() == takes })
	before = o.without.Load()
	for i := range 50 {
		ednsAsk(t, fwd, fmt.Sprint("cured", i), do)
	}
	if n := o.without.Load() - before; n > 0 {
		t.Errorf("%d of 50 queries have no OPT record though it knows EDNS", n)
	}
}

// ednsAsk asks with an OPT record and checks the answer.
func ednsAsk(t *testing.T, fwd *Forward, of string, do bool) {
	t.Helper()
	q := queryFor(t, of+".example")
	q.ID, q.DO = 7, do
	m, err := fwd.Exchange(t.Context(), nil, q, nil, Other)
	if err != nil || wire.Message(m).ID() != 7 || wire.Message(m).Rcode() != wire.NoError {
		t.Errorf("%s: %x, %v", of, m, err)
	}
}

// A server that refuses a query with and without an OPT record refuses the query. That is the
// answer, and says nothing of EDNS. It is the same if the server refuses only one name.
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
		fwd := forward(t, Config{Servers: []Endpoint{f.endpoint(proto)}})
		for i := range 5 {
			if m := exchangeOK(t, fwd, fmt.Sprintf("bad%d.example", i), Other); wire.Message(m).HeaderRcode() != wire.FormError {
				t.Errorf("%x", m)
			}
			if m := exchangeOK(t, fwd, fmt.Sprintf("good%d.example", i), Other); wire.Message(m).HeaderRcode() != wire.NoError {
				t.Errorf("%x", m)
			}
		}
		if n := asked.Load(); n != 10 {
			t.Errorf("asked %d times, expected twice for each of 5 names", n)
		}
		if s := fwd.set.Load().order[0].edns.Load(); s != takes {
			t.Errorf("EDNS is %d", s)
		}
	}
}

// An answer without an OPT record is an answer: RFC 6891 section 6.1.1 wants the record, but many
// servers send none. Such a server is still asked with one.
func TestAnswerWithoutOPT(t *testing.T) {
	var without atomic.Int64
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if _, ok := wire.Message(q).OPT(); !ok {
			without.Add(1)
		}
		reply(wire.Message(response(q)).StripOPT())
	}})
	for _, proto := range []Proto{UDP, TCP} {
		fwd := forward(t, Config{Servers: []Endpoint{f.endpoint(proto)}})
		for i := range 20 {
			exchangeOK(t, fwd, fmt.Sprintf("n%d.example", i), Other)
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
	fwd := forward(t, Config{ReadTimeout: 2 * time.Second, Servers: []Endpoint{f.endpoint(UDP)}})
	var group sync.WaitGroup
	exchangeOK(t, fwd, "first.example", Other) // from here on it is known
	for i := range 30 {
		group.Go(func() { _, _ = exchangeErr(t, fwd, fmt.Sprintf("n%d.example", i), Other) })
	}
	group.Wait()
	if n := without.Load(); n > 0 {
		t.Errorf("%d queries without an OPT record", n)
	}
}

// A server that suddenly ignores queries with an OPT record is out until its health checks find that.
func TestServerLosesEDNS(t *testing.T) {
	for _, proto := range []Proto{UDP, TCP} {
		o := newOld(t, silent)
		o.cured.Store(true)
		fwd := forward(t, Config{Servers: []Endpoint{o.endpoint(proto)}, ReadTimeout: 200 * time.Millisecond, CheckInterval: time.Millisecond})
		ednsAsk(t, fwd, "first", false)
		o.cured.Store(false)
		_, _ = exchangeErr(t, fwd, "lost.example", Other)
		s := fwd.set.Load().order[0]
		testkit.Eventually(t, "it is known to lack EDNS", func() bool { return s.edns.Load() == lacking })
		ednsAsk(t, fwd, "then", false)
	}
}

// If a server's answers speak for and against EDNS in turn, it is still asked about it once at a time.
func TestDoubtsOnce(t *testing.T) {
	o := newOld(t, silent)
	fwd := forward(t, Config{Servers: []Endpoint{o.endpoint(UDP)}})
	s := fwd.set.Load().order[0]
	for range 100 {
		s.doubt()
		s.edns.Store(takes)
	}
	s.doubt()
	testkit.Eventually(t, "it is known to lack EDNS", func() bool { return s.edns.Load() == lacking })
	if n := o.with.Load(); n > 2 {
		t.Errorf("asked %d times at once", n)
	}
	o.cured.Store(true)
	testkit.Eventually(t, "it is known to have EDNS", func() bool { return s.edns.Load() == takes })
	testkit.Eventually(t, "it is over", s.learned)
	o.cured.Store(false)
	s.doubt()
	testkit.Eventually(t, "it is known again", func() bool { return s.edns.Load() == lacking })
}

// A server that does not answer health checks does not lack EDNS for that reason. After a packet was
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
	fwd := forward(t, Config{Servers: []Endpoint{f.endpoint(UDP)}})
	ednsAsk(t, fwd, "first", false)
	s := fwd.set.Load().order[0]
	testkit.Eventually(t, "it is looked into", func() bool { return checks.Load() > 2 })
	if known := s.edns.Load(); known == lacking {
		t.Errorf("EDNS is %d", known)
	}
	ednsAsk(t, fwd, "signed", true)
	if with.Load() != 1 || s.edns.Load() != takes {
		t.Errorf("%d queries have an OPT record, EDNS is %d", with.Load(), s.edns.Load())
	}
}
