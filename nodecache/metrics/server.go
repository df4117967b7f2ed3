package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// headerRcodes is how many codes the header of a message has room for (RFC 1035, section 4.1.1).
const headerRcodes = 16

// server counts for one upstream server. The labels of each counter are looked up when it first
// counts, and only then.
type server struct {
	all         *upstreams
	to          string
	connections atomic.Int64
	used        atomic.Bool // since gone last looked
	seen        time.Time   // when gone last found it in use; upstreams.forget's

	durations [headerRcodes]lazy[prometheus.Observer]
	reused    [protos]lazy[prometheus.Counter]
	opened    [protos]lazy[prometheus.Counter]
	unwell    lazy[prometheus.Counter]
	hedges    lazy[prometheus.Counter]
}

// lazy is a metric that is looked up when it is first needed.
type lazy[M any] struct{ metric atomic.Pointer[M] }

func (l *lazy[M]) get(find func() M) M {
	if m := l.metric.Load(); m != nil {
		return *m
	}
	m := find()
	l.metric.Store(&m)
	return m
}

// proto is a protocol of the label `proto`.
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

// proxyRcode returns the value of the label `rcode` of an upstream's answers: a name, or else the
// number.
func proxyRcode(rcode uint8) string {
	if name := tally.RcodeName(wire.Rcode(rcode)); name != "" {
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

// gone reports whether s has not been used for forgetAfter.
func (s *server) gone(now time.Time) bool {
	if s.used.Swap(false) || s.connections.Load() > 0 || s.seen.IsZero() {
		s.seen = now
	}
	return now.Sub(s.seen) > forgetAfter
}

// drop deletes the series of s.
func (s *server) drop() {
	for _, v := range s.all.vectors() {
		v.DeletePartialMatch(prometheus.Labels{"to": s.to})
	}
}
