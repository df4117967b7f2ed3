package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/nodecache/upstream"
	"github.com/prometheus/client_golang/prometheus"
)

// headerRcodes are the codes that a header has room for (RFC 1035, section 4.1.1).
const headerRcodes = 16

// server is what one upstream server counts with. The labels of each counter are looked up
// once, when it first counts.
type server struct {
	all         *upstreams
	to          string
	connections atomic.Int64
	used        atomic.Bool // since it was last looked at
	seen        time.Time   // used; for forget

	durations [headerRcodes]found[prometheus.Observer]
	reused    [protos]found[prometheus.Counter]
	opened    [protos]found[prometheus.Counter]
	unwell    found[prometheus.Counter]
	hedges    found[prometheus.Counter]
}

// found is a metric that was looked up, or will be.
type found[M any] struct{ metric atomic.Pointer[M] }

func (f *found[M]) get(find func() M) M {
	if m := f.metric.Load(); m != nil {
		return *m
	}
	m := find()
	f.metric.Store(&m)
	return m
}

// proto is a protocol as the label `proto` knows it.
type proto uint8

const (
	udp proto = iota
	tcp
	tls
	protos
)

func (p proto) String() string { return [...]string{"udp", "tcp", "tcp-tls"}[p] }

func protoOf(e upstream.Endpoint, overUDP bool) proto {
	switch {
	case overUDP:
		return udp
	case e.Proto == upstream.TLS:
		return tls
	}
	return tcp
}

func (s *server) asked(p proto, reused bool) {
	s.used.Store(true)
	counters, cells := s.all.opened, &s.opened
	if reused {
		counters, cells = s.all.reused, &s.reused
	}
	cells[p].get(func() prometheus.Counter { return counters.WithLabelValues(proxyName, s.to, p.String()) }).Inc()
}

func (s *server) answered(rcode uint8, took time.Duration) {
	rcode %= headerRcodes
	s.durations[rcode].get(func() prometheus.Observer {
		return s.all.duration.WithLabelValues(proxyName, s.to, proxyRcode(rcode))
	}).Observe(took.Seconds())
}

// proxyRcode returns the value of the label `rcode` of what an upstream answered: of a code
// without a name, the number.
func proxyRcode(rcode uint8) string {
	if name := rcodeName(int(rcode)); name != "" {
		return name
	}
	return strconv.Itoa(int(rcode))
}

func (s *server) hedged() {
	s.hedges.get(func() prometheus.Counter { return s.all.hedges.WithLabelValues(s.to) }).Inc()
}

func (s *server) checkFailed() {
	s.used.Store(true)
	s.unwell.get(func() prometheus.Counter { return s.all.unwell.WithLabelValues(proxyName, s.to) }).Inc()
}

// gone reports whether s has long been without use.
func (s *server) gone(now time.Time) bool {
	if s.used.Swap(false) || s.connections.Load() > 0 || s.seen.IsZero() {
		s.seen = now
	}
	return now.Sub(s.seen) > forgetAfter
}

// drop takes the series of s away.
func (s *server) drop() {
	for _, v := range s.all.vectors() {
		v.DeletePartialMatch(prometheus.Labels{"to": s.to})
	}
}
