package node

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// patience is how long a client waits for an answer, as a stub resolver does (resolv.conf(5)). It
// doesn't ask again.
const patience = 5 * time.Second

// load is clients in Pods. Every query counts.
type load struct {
	stop  chan struct{}
	group sync.WaitGroup

	mu   sync.Mutex
	asks []asked
}

// asked is what has become of a query.
type asked struct {
	at   time.Time // when it was sent
	took time.Duration
	err  string // empty for a right answer
	who  string
}

// startLoad returns a load without clients. udp, tcp, kept, misses and direct add some.
func startLoad() *load { return &load{stop: make(chan struct{})} }

// end ends all clients and returns their queries, sorted by the time that they were sent.
func (l *load) end() []asked {
	close(l.stop)
	l.group.Wait()
	slices.SortFunc(l.asks, func(a, b asked) int { return a.at.Compare(b.at) })
	return l.asks
}

// every calls ask, rate times a second in all, until the load ends. due is when ask should be
// called. Each worker has a thread in the Pod. A worker that waits for an answer holds no other up.
func (l *load) every(p *pod, rate, workers int, ask func(worker int, due time.Time)) {
	for worker := range workers {
		l.group.Go(func() {
			p.In(func() {
				pause := time.Duration(workers) * time.Second / time.Duration(rate)
				next := time.Now().Add(pause * time.Duration(worker) / time.Duration(workers))
				for {
					select {
					case <-l.stop:
						return
					case <-time.After(time.Until(next)):
					}
					ask(worker, next)
					if next = next.Add(pause); time.Since(next) > time.Second {
						next = time.Now() // it has waited for an answer that did not come
					}
				}
			})
		})
	}
}

func (l *load) note(who string, at time.Time, err error) {
	a := asked{at: at, took: time.Since(at), who: who}
	if err != nil {
		a.err = err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asks = append(l.asks, a)
}

// udp asks rate times a second for A and for AAAA at once, from one socket, as libc does.
func (l *load) udp(p *pod, server string, rate, workers int) {
	l.every(p, rate/2, workers, func(int, time.Time) {
		at := time.Now()
		err := both(server)
		l.note("udp", at, err)
		l.note("udp", at, err)
	})
}

// tcp asks rate times a second, over a connection each.
func (l *load) tcp(p *pod, server string, rate, workers int) {
	l.every(p, rate, workers, func(int, time.Time) {
		at := time.Now()
		c := dns.Client{Net: "tcp", Timeout: patience}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(web+".", dns.TypeA), net.JoinHostPort(server, "53"))
		l.note("tcp", at, right(m, err))
	})
}

// kept asks rate times a second, over connections that stay open. If a connection closes before the
// answer, it asks again on another (RFC 7766, section 6.2.4).
func (l *load) kept(p *pod, server string, rate, workers int) {
	conns := make([]*dns.Conn, workers)
	l.every(p, rate, workers, func(n int, _ time.Time) {
		at := time.Now()
		var err error
		for range 3 {
			if conns[n] == nil {
				if conns[n], err = dns.DialTimeout("tcp", net.JoinHostPort(server, "53"), patience); err != nil {
					break
				}
			}
			var m *dns.Msg
			c := dns.Client{Timeout: patience}
			m, _, err = c.ExchangeWithConn(new(dns.Msg).SetQuestion(web+".", dns.TypeA), conns[n])
			if err = right(m, err); err == nil {
				break
			}
			_ = conns[n].Close()
			conns[n] = nil
		}
		l.note("kept", at, err)
	})
}

// direct asks a Pod of the cluster DNS rate times a second. No node cache has a part in that, so the
// time from when a query was due to its answer is what the machine itself needs at that moment.
func (l *load) direct(p *pod, server string, rate, workers int) {
	l.every(p, rate, workers, func(_ int, due time.Time) {
		c := dns.Client{Timeout: patience}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(web+".", dns.TypeA), net.JoinHostPort(server, "53"))
		l.note("direct", due, right(m, err))
	})
}

// both asks for A and AAAA from one socket and waits for both answers.
func both(server string) error {
	c, err := dns.DialTimeout("udp", net.JoinHostPort(server, "53"), patience)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	waiting := map[uint16]bool{}
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		q := new(dns.Msg).SetQuestion(web+".", qtype)
		waiting[q.Id] = true
		if err := c.WriteMsg(q); err != nil {
			return err
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for len(waiting) > 0 {
		m, err := c.ReadMsg()
		if err := right(m, err); err != nil {
			return err
		}
		delete(waiting, m.Id)
	}
	return nil
}

// right returns what is wrong with an answer, or nil.
func right(m *dns.Msg, err error) error {
	switch {
	case err != nil:
		return err
	case m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0:
		return fmt.Errorf("%s, %d records", dns.RcodeToString[m.Rcode], len(m.Answer))
	}
	return nil
}

// lost fails the test if a query was lost, and logs how many queries there were and how long they
// took.
func lost(t testing.TB, what string, asks []asked) {
	t.Helper()
	var wrong []asked
	took := map[string][]time.Duration{}
	for _, a := range asks {
		if a.err != "" {
			wrong = append(wrong, a)
		} else {
			took[a.who] = append(took[a.who], a.took)
		}
	}
	text := what + ": " + strconv.Itoa(len(asks)) + " queries"
	for who, all := range took {
		slices.Sort(all)
		text += fmt.Sprintf("; %s: %d, median %v, p99 %v, most %v", who, len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
	}
	t.Log(text)
	if len(wrong) > 0 {
		t.Errorf("%s: %d of %d queries were lost", what, len(wrong), len(asks))
		for _, a := range wrong[:min(len(wrong), 10)] {
			t.Errorf("  %s at %s, after %v: %s", a.who, a.at.Format("05.000"), a.took, a.err)
		}
	}
}

// slower returns by how much a query took longer, at most, than the queries of who at the same time,
// in which the node cache has no part. It ignores queries that took less than least.
func slower(asks []asked, who string, least time.Duration) (most time.Duration) {
	for _, a := range asks {
		if a.took < least || a.err != "" || a.who == who {
			continue
		}
		end, then := a.at.Add(a.took), time.Duration(0)
		for _, d := range asks {
			if d.who == who && d.at.Before(end) && d.at.Add(d.took).After(a.at) {
				then = max(then, d.took)
			}
		}
		most = max(most, a.took-then)
	}
	return most
}

// slowest returns how long a right answer took, at most.
func slowest(asks []asked) (most time.Duration) {
	for _, a := range asks {
		if a.err == "" {
			most = max(most, a.took)
		}
	}
	return most
}
