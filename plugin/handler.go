package kubernetes

import (
	"context"
	"net/netip"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// Kubernetes answers for its zones and passes every other name on.
type Kubernetes struct {
	Next plugin.Handler

	store    *zone.Store
	zones    []served
	primary  string // the zone that PTR records point into
	podMode  zone.PodMode
	zonal    bool
	ttl      uint32 // seconds, of all records but dns-version's
	fall     fall.F
	upstream upstreamer

	udpSize uint16 // bytes, the most that a reply over UDP may have
	asked   asked
	said    once

	localIPs []netip.Addr // addresses the server is bound to; see boundIPs
	search   []string     // the host's own search path, for autopath
}

// upstreamer resolves names outside the zone, by asking the server itself.
type upstreamer interface {
	Lookup(ctx context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error)
}

// New returns the handler of a block, with an empty store.
func New(cfg *config) *Kubernetes {
	k := &Kubernetes{
		store:   zone.New(cfg.names),
		podMode: cfg.names.Pods,
		zonal:   cfg.names.Zonal,
		ttl:     cfg.ttl,
		fall:    cfg.fall,
		search:  searchPath("/etc/resolv.conf"),
		udpSize: defaultUDPSize,
	}
	for _, z := range cfg.zones {
		k.zones = append(k.zones, newServed(z, cfg.multicluster))
	}
	k.primary = primaryZone(k.zones)
	return k
}

// Name implements plugin.Handler.
func (k *Kubernetes) Name() string { return pluginName }

// Ready implements ready.Readiness: the records are complete.
func (k *Kubernetes) Ready() bool { return k.store.Synced() }

// ServeDNS implements plugin.Handler.
func (k *Kubernetes) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q, ok := k.question(request.Request{W: w, Req: r})
	if !ok {
		return plugin.NextOrFailure(pluginName, k.Next, ctx, w, r)
	}
	k.fitUDP(ctx, q.state)
	if q.qtype == dns.TypeAXFR || q.qtype == dns.TypeIXFR {
		return dns.RcodeRefused, nil // the transfer plugin's business
	}
	a := k.answer(ctx, &q)
	switch {
	case a.existence == zone.NotSynced:
		return k.writeNegative(&q, dns.RcodeServerFailure)
	case a.existence == zone.NoName && k.fall.Through(q.name):
		return plugin.NextOrFailure(pluginName, k.Next, ctx, w, r)
	case a.existence == zone.NoName:
		return k.writeNegative(&q, dns.RcodeNameError)
	case len(a.records) == 0:
		return k.writeNegative(&q, a.rcode)
	}
	m := new(dns.Msg)
	m.SetRcode(r, a.rcode)
	m.Authoritative = true
	m.Truncated = a.truncated
	m.Answer, m.Ns, m.Extra = a.records, a.authority, a.extra
	w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}

// writeNegative writes an answer without records: the zone's SOA says how long it may be
// kept (RFC 2308, section 3).
func (k *Kubernetes) writeNegative(q *question, rcode int) (int, error) {
	m := new(dns.Msg)
	m.SetRcode(q.state.Req, rcode)
	m.Authoritative = true
	m.Ns = []dns.RR{k.soa(q)}
	q.state.W.WriteMsg(m)
	return dns.RcodeSuccess, nil // written
}
