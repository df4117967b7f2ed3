package proof

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const name = "web.shop.svc.cluster.local."

// question returns a query for addresses of name.
func question() *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	m.Id = 7
	return m
}

// pack returns m as bytes.
func pack(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// rrs reads records. It may be called by any goroutine.
func rrs(texts ...string) (list []dns.RR) {
	for _, text := range texts {
		r, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		list = append(list, r)
	}
	return list
}

// reply returns the reply to question with the answers given.
func reply(answers ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(question())
	m.Authoritative = true
	m.Answer = rrs(answers...)
	return m
}

// address returns an A record of name as text.
func address(ttl, addr string) string { return name + " " + ttl + " IN A " + addr }

// fake is an Asker whose answers are functions of the time that has passed.
type fake struct {
	lane, chain func(time.Duration) []byte

	mu       sync.Mutex
	start    time.Time
	off      bool
	chained  int
	reported []*Difference
	after    []time.Duration // when they were reported
}

func (f *fake) since() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.start.IsZero() {
		f.start = time.Now()
	}
	return time.Since(f.start)
}

func (f *fake) Lane(*Query) []byte {
	f.mu.Lock()
	off := f.off
	f.mu.Unlock()
	if off {
		return nil
	}
	return f.lane(f.since())
}

func (f *fake) Chain(*Query) []byte {
	f.mu.Lock()
	f.chained++
	f.mu.Unlock()
	return f.chain(f.since())
}

func (f *fake) Differs(_ *Query, d *Difference) {
	at := f.since()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
	f.reported, f.after = append(f.reported, d), append(f.after, at)
}

// always returns the same message, whenever it is asked.
func always(m *dns.Msg) func(time.Duration) []byte {
	b := pack(m)
	return func(time.Duration) []byte { return b }
}

// run runs a Checker until the function that it returns is called.
func run() (c *Checker, stop func()) {
	c = New()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	return c, func() { cancel(); running.Wait() }
}

// asked is a query as a front hands it over.
func asked(cached bool) *Query {
	return &Query{Message: pack(question()), Cached: cached, Hash: 1}
}
