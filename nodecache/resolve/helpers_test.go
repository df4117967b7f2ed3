package resolve

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/clock"
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/querylog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const second = time.Second

// pass lets virtual time pass. The test must be in a bubble of synctest.
func pass(d time.Duration) { time.Sleep(d) }

// rig is a Resolver with one block for all names, its upstream, and a client.
type rig struct {
	*Resolver
	t      testing.TB
	block  *Block
	up     *fake
	zone   *tally.Zone
	pages  http.Handler
	client netip.AddrPort
	local  netip.AddrPort
}

// newRig returns a rig whose block is that of a Corefile without options, and then edited.
func newRig(t testing.TB, edits ...func(*Block)) *rig {
	t.Helper()
	up := newFake()
	set := metrics.New(4)
	r := &rig{t: t, up: up, block: usual(t, up), zone: set.Queries.Zone("dns://:53", ".", "."), pages: set.Handler("", ""),
		client: netip.MustParseAddrPort("10.0.0.1:40000"), local: netip.MustParseAddrPort("169.254.20.10:53")}
	for _, edit := range edits {
		edit(r.block)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	r.Resolver = New(Config{
		Observer: set.Events, Writer: 3, Clock: clock.New(), Cookies: cookie.New([16]byte{1}), Queries: querylog.New(log.Handler(), 10), Log: log,
		Version: "neardns 1", Instance: "abcdef", SelfChecks: []netip.Prefix{netip.MustParsePrefix("169.254.253.0/24")},
	})
	r.Set(r.table(Route{Zone: wire.Name{0}, Block: r.block, Count: r.zone}))
	t.Cleanup(r.Close)
	return r
}

// table returns a Table that has routes at the rig's address.
func (r *rig) table(routes ...Route) *Table {
	return NewTable([]Server{{Addr: r.local, Routes: routes, Other: r.zone}})
}

func usual(t testing.TB, up *fake) *Block {
	l := cache.Limits{Entries: 20000, Bytes: 1 << 24}
	return &Block{
		Memory: NewMemory(cache.New(cache.Options{Success: l, Denial: l, Failure: l})),
		Policy: cache.Policy{
			Positive: cache.Bounds{Max: 3600}, Denial: cache.Bounds{Max: 30}, ServFail: cache.Backoff{First: second, Max: 5 * second},
			Stale: time.Hour, StaleTTL: 30,
		},
		Kept: []wire.Name{{0}}, Stale: Stale{On: true, Wait: second},
		Cluster: testkit.Name(t, "cluster.local."), Inside: []wire.Name{testkit.Name(t, "cluster.local."), testkit.Name(t, "10.in-addr.arpa.")},
		Services: testkit.Name(t, "svc.cluster.local."), UDPSize: wire.UDPSize,
		Forwards: []*Forward{{From: wire.Name{0}, Upstream: up, Servers: new(cache.Servers)}},
	}
}

// sent is a query that was sent, and its answer.
type sent struct {
	t      testing.TB
	query  []byte
	answer chan []byte // holds one
	now    bool        // the answer came at once
}

// Send implements listen.Responder.
func (s *sent) Send(answer []byte) {
	select {
	case s.answer <- slices.Clone(answer):
	default:
		s.t.Error("answered twice")
	}
}

// Part implements listen.Responder. No answer of a node cache has several messages.
func (s *sent) Part([]byte) error { return errors.ErrUnsupported }

// send sends the query that words describe; see build.
func (r *rig) send(words string) *sent { return r.sendMsg(build(r.t, words), words) }

func (r *rig) sendMsg(query []byte, words string) *sent {
	r.t.Helper()
	s := &sent{t: r.t, query: slices.Clone(query), answer: make(chan []byte, 1)}
	c := listen.NewClient(r.client, r.local, has(words, "tcp"), func() listen.Responder { return s })
	c.Leaving, c.Cut = has(words, "leaving"), has(words, "cut")
	if reply := r.Handle(make([]byte, 0, 4096), query, c); len(reply) > 0 {
		s.now = true
		s.Send(reply)
	}
	for i := range query {
		query[i] = 0xff // the front's buffer is used again
	}
	return s
}

// wait returns the answer.
func (s *sent) wait() []byte {
	s.t.Helper()
	select {
	case b := <-s.answer:
		return b
	case <-time.After(time.Minute):
		s.t.Fatal("no answer")
		return nil
	}
}

// text returns the answer as text; see describe.
func (s *sent) text() string {
	s.t.Helper()
	return describe(s.t, s.query, s.wait())
}

// ask sends a query and returns the answer as text.
func (r *rig) ask(words string) string {
	r.t.Helper()
	return r.send(words).text()
}

// want sends a query and compares the answer.
func (r *rig) want(words, want string) {
	r.t.Helper()
	if got := r.ask(words); got != want {
		r.t.Errorf("%s:\n got %s\nwant %s", words, got, want)
	}
}

// take returns which questions upstream got since the last call, those that are under way included.
func (r *rig) take() []string {
	synctest.Wait()
	return r.up.take()
}

// asked checks which questions upstream got since the last call.
func (r *rig) asked(want ...string) {
	r.t.Helper()
	if got := r.take(); !slices.Equal(got, want) {
		r.t.Errorf("upstream was asked %q, want %q", got, want)
	}
}

// metrics returns the lines of /metrics.
func (r *rig) metrics() []string {
	w := httptest.NewRecorder()
	r.pages.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return strings.Split(w.Body.String(), "\n")
}

// counted checks lines of /metrics.
func (r *rig) counted(lines ...string) {
	r.t.Helper()
	got := r.metrics()
	for _, want := range lines {
		name, _, _ := strings.Cut(want, " ")
		i := slices.IndexFunc(got, func(line string) bool { return strings.HasPrefix(line, name+" ") })
		if i < 0 || got[i] != want {
			r.t.Errorf("counted %q, want %q", got[max(i, 0)], want)
		}
	}
}

// zoneAnswers returns how many answers were counted.
func (r *rig) zoneAnswers() (n int) {
	r.t.Helper()
	for _, line := range r.metrics() {
		if strings.HasPrefix(line, "coredns_dns_responses_total{") {
			n += number(r.t, line[strings.LastIndex(line, " ")+1:])
		}
	}
	return n
}

// has reports whether word is among words.
func has(words, word string) bool { return slices.Contains(strings.Fields(words), word) }

func netipAddr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }
