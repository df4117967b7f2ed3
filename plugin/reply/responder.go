package reply

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// Responder answers the questions about the zones of one block. It may be used by any number of
// goroutines, once its fields are set.
type Responder struct {
	Store       *zone.Store
	Zones       Zones        // at least one of them is no reverse zone
	TTL         uint32       // seconds, of all records but dns-version's
	Fallthrough []string     // zones whose missing names are passed on: fully qualified, in lower case
	Addrs       []netip.Addr // addresses that the server is bound to
	Explain     bool         // replies to queries with EDNS carry extended errors (RFC 8914)
	Unserved    Unserved

	// Notice returns an extended error that belongs to every reply, such as Stale Answer, if there is one
	// at present. It may be nil.
	Notice func() wire.Error
}

// What dns-version.<zone> says: the version of the Kubernetes DNS specification.
const (
	schemaVersion    = "1.1.0"
	schemaVersionTTL = 28800 // seconds
)

// The values of a zone's SOA record, in seconds.
const (
	MaxSOATTL = 300
	staleTTL  = 5 // at most, of records that may be old: soon there may be new ones
	refresh   = 7200
	retry     = 1800
	expire    = 86400
)

// Answer makes r the reply to q.
func (s *Responder) Answer(q *Question, r *Reply) {
	r.reset(s.ttl())
	existence := s.find(q, r)
	switch existence {
	case zone.NotSynced:
		r.Rcode = wire.ServFail
	case zone.NoName:
		r.Rcode = wire.NXDomain
		r.PassOn = slices.ContainsFunc(s.Fallthrough, func(z string) bool { return InZone(q.Lower, z) })
	}
	if r.Answer.Type == 0 && !r.PassOn {
		s.setSOA(q, &r.SOA)
	}
	if q.EDNS && s.Explain && !r.PassOn {
		s.explain(q, existence, r)
	}
}

// ttl returns the TTL of records, in seconds.
func (s *Responder) ttl() uint32 {
	if s.Store.AsOf().IsZero() {
		return s.TTL
	}
	return min(s.TTL, staleTTL)
}

// find puts the records that answer q into r, and says whether the name exists.
func (s *Responder) find(q *Question, r *Reply) zone.Existence {
	switch {
	case q.Rest == "":
		return s.apex(q, r)
	case zone.IsReverse(q.Lower) && !q.nameServer():
		return s.pointers(q, r)
	}
	found := s.Store.Lookup(q.Zone.Set, q.Rest)
	s.fill(q, &found, r)
	return found.Existence
}

// apex answers at the zone's own name, which always exists.
func (s *Responder) apex(q *Question, r *Reply) zone.Existence {
	if !s.Store.Synced() {
		return zone.NotSynced
	}
	switch q.Type {
	case wire.SOA:
		s.setSOA(q, &r.Answer.SOA)
		r.Answer.Type, r.Answer.TTL = wire.SOA, r.Answer.SOA.TTL
	case wire.NS:
		s.nameServers(q, r)
	}
	return zone.Records
}

// SOA returns the SOA record of q's zone.
func (s *Responder) SOA(q *Question) (soa SOA) {
	s.setSOA(q, &soa)
	return soa
}

func (s *Responder) setSOA(q *Question, soa *SOA) {
	soa.Origin, soa.zone = q.origin(), q.Zone
	ttl := s.ttl()
	soa.TTL, soa.Minimum, soa.Serial = min(ttl, MaxSOATTL), ttl, s.Store.Serial(q.Zone.Set)
	soa.Refresh, soa.Retry, soa.Expire = refresh, retry, expire
}

// Fill makes r the reply to q from what a lookup of q's name has found, which must be records. It
// sets no SOA.
func (s *Responder) Fill(q *Question, found *zone.Result, r *Reply) {
	r.reset(s.ttl())
	s.fill(q, found, r)
}

func (s *Responder) fill(q *Question, found *zone.Result, r *Reply) {
	switch found.What {
	case zone.Version:
		if q.Type == wire.TXT {
			r.Answer.Type, r.Answer.TTL, r.Answer.Text = wire.TXT, schemaVersionTTL, schemaVersion
		}
	case zone.NameServer:
		s.nameServerAddrs(q, r)
	case zone.Alias:
		r.Answer.Type, r.Answer.Target = wire.CNAME, found.Service.Target
		r.Follow = q.Type != wire.CNAME && q.Type != wire.ANY
	case zone.ServiceIPs, zone.ServicePods, zone.PodIP:
		switch {
		case q.Type == wire.A || q.Type == wire.AAAA:
			r.fillAddrs(q, found)
		case q.Type == wire.SRV && found.What != zone.PodIP:
			r.fillTargets(q, found)
		}
	}
}

// The least that a record takes in a message with its owner's name compressed (RFC 1035, section
// 4.1.4), in bytes.
const (
	sizeRR   = 2 + 10
	sizeA    = sizeRR + 4
	sizeAAAA = sizeRR + 16
	sizeSRV  = sizeRR + 6
)

// room returns how many of total records the reply should hold. Each record takes size bytes or
// more. If there is no room for all, room returns one more than fit, so that whoever writes the
// reply cuts it as if it held all records. It also turns found to begin anywhere. Such a reply
// has to say itself that it is truncated, as a cache may keep it.
func room(q *Question, found *zone.Result, total, size int) int {
	const few = 16 // any reply has room for these
	if total <= few {
		return total
	}
	fit := (q.Size-q.length())/size + 1
	if total <= fit {
		return total
	}
	found.Rotate(rand.Uint64() >> 1)
	return fit
}

// pointers answers at a reverse name.
func (s *Responder) pointers(q *Question, r *Reply) zone.Existence {
	var buf [4]zone.Pointer
	found, existence := s.Store.Reverse(buf[:0], q.Lower)
	a, primary := &r.Answer, s.Zones.primary()
	a.Origin = primary.Name
	for _, p := range found {
		n := Name{Key: p.Key}
		if !p.Whole {
			n.Label = r.label(p.Host, p.Addr)
		}
		if n.fits(primary.length) {
			a.Names = append(a.Names, n)
		}
	}
	switch {
	case existence == zone.Records && len(a.Names) == 0:
		return zone.NoName
	case q.Type != wire.PTR:
		a.Names = a.Names[:0]
	case len(a.Names) > 0:
		a.Type = wire.PTR
	}
	return existence
}
