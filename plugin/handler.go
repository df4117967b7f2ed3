package kubernetes

import (
	"context"
	"math"
	"strings"
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/coredns/coredns/plugin/transfer"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
)

// Kubernetes answers for its zones and passes every other name on.
type Kubernetes struct {
	Next plugin.Handler

	responder reply.Responder
	pool      sync.Pool // of *reply.Reply: each is for one question at a time, and keeps its memory
	podMode   zone.PodMode
	zonal     bool
	upstream  upstreamer

	udpSize uint16 // bytes, the most that a reply over UDP may have
	asked   asked
	said    once

	search []string // the host's own search path, for autopath
}

// upstreamer looks up the targets of aliases outside the zone, by asking the server itself.
type upstreamer interface {
	Lookup(ctx context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error)
}

// newHandler returns the handler of a block, with an empty store.
func newHandler(cfg *config) *Kubernetes {
	return &Kubernetes{
		responder: reply.Responder{
			Store:       zone.New(cfg.names),
			Zones:       reply.NewZones(cfg.zones, cfg.multicluster),
			TTL:         cfg.ttl,
			Fallthrough: cfg.fallthroughZones,
			Explain:     !cfg.explainOff,
			Unserved: reply.Unserved{
				Namespaces: len(cfg.namespaces) > 0 || cfg.namespaceLabels != nil,
				Labels:     cfg.labels != nil, Endpoints: cfg.names.NoEndpoints,
			},
		},
		podMode: cfg.names.Pods,
		zonal:   cfg.names.Zonal,
		search:  searchPath("/etc/resolv.conf"),
		udpSize: defaultUDPSize,
	}
}

// install puts k into the chain of its server block, at its directive's place.
func (k *Kubernetes) install(c *caddy.Controller, p *plan) {
	block := dnsserver.GetConfig(c)
	block.AddPlugin(func(next plugin.Handler) plugin.Handler {
		k.Next = next
		return k
	})
	hooked := sync.OnceValue(func() bool { return p.hook(c) })
	front := func(next plugin.Handler) plugin.Handler {
		f := &udpFront{k: k, next: next}
		if !hooked() {
			f.serve = p.beside.Serve
		}
		return f
	}
	block.Plugin = append([]plugin.Plugin{front}, block.Plugin...)
	c.OnStartup(func() error {
		if block.Handler("bufsize") != nil {
			k.udpSize = math.MaxUint16 // that plugin limits replies itself
		}
		return nil
	})
}

// Name implements plugin.Handler.
func (k *Kubernetes) Name() string { return pluginName }

// Ready implements ready.Readiness: the records are complete.
func (k *Kubernetes) Ready() bool { return k.responder.Store.Synced() }

// ServeDNS implements plugin.Handler.
func (k *Kubernetes) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	state := request.Request{W: w, Req: r}
	q, ok := k.question(&state)
	if !ok {
		return plugin.NextOrFailure(pluginName, k.Next, ctx, w, r)
	}
	k.fitUDP(ctx, &state)
	if qtype := state.QType(); qtype == dns.TypeAXFR || qtype == dns.TypeIXFR {
		return dns.RcodeRefused, nil // the transfer plugin answers these
	}
	q.Size = state.Size()
	a := k.answer(ctx, &state, &q)
	if a.passOn {
		return plugin.NextOrFailure(pluginName, k.Next, ctx, w, r)
	}
	m := new(dns.Msg)
	m.SetRcode(r, a.rcode)
	m.Authoritative = true
	m.Truncated = a.truncated
	m.Answer, m.Ns, m.Extra = a.records, a.authority, a.extra
	w.WriteMsg(m)
	return dns.RcodeSuccess, nil // written
}

// question finds the zone that a query's name stands in. It returns false if there is none.
func (k *Kubernetes) question(state *request.Request) (reply.Question, bool) {
	return k.responder.Zones.Question(state.QName(), wire.Type(state.QType()))
}

// answer answers q, which state asks or an alias leads to.
func (k *Kubernetes) answer(ctx context.Context, state *request.Request, q *reply.Question) answer {
	r, ok := k.pool.Get().(*reply.Reply)
	if !ok {
		r = new(reply.Reply)
	}
	k.responder.Answer(q, r)
	a, target := newAnswer(q, r), ""
	if r.Follow {
		target = dns.Fqdn(r.Answer.Target)
	}
	k.pool.Put(r) // before other servers are asked
	if target != "" {
		k.follow(ctx, state, q, target, &a)
	}
	return a
}

// Transfer implements transfer.Transferer. It sends a zone as it is served: for each name, in one
// spelling, the records that questions for it are answered with. It leaves out what has no end:
// the names of `pods insecure`, and of topology zones without endpoints. It answers IXFR with the
// SOA record alone if the serial has not moved, else like AXFR (RFC 1995, section 4).
func (k *Kubernetes) Transfer(name string, serial uint32) (<-chan []dns.RR, error) {
	out := make(chan []dns.RR)
	t, ok := newTransfer(&k.responder, name, out)
	if !ok {
		return nil, transfer.ErrNotAuthoritative
	}
	go t.run(serial)
	return out, nil
}

// defaultUDPSize is the most that we send over UDP, in bytes, whatever size a query claims to
// take. More would travel in fragments, and a forged query of 57 bytes could bring 40,000 to
// somebody else (RFC 9715, section 3.1). A reply that is cut keeps what fits, on purpose: musl
// before 1.2.6 never asks again over TCP, and a record is all it needs.
const defaultUDPSize = 1232

// fitUDP lowers the size that a query over UDP claims to take to the size that we send. CoreDNS
// reads the size from the query's OPT record when it cuts a reply.
func (k *Kubernetes) fitUDP(ctx context.Context, state *request.Request) {
	opt := state.Req.IsEdns0()
	if opt != nil && opt.UDPSize() > k.udpSize && state.Proto() == "udp" && !encrypted(ctx) {
		opt.SetUDPSize(k.udpSize)
	}
}

// encrypted reports whether the query came to a server of another transport than plain DNS. A
// server over QUIC names the client's UDP address, and sends replies as long as TCP does (RFC
// 9250, section 4.2).
func encrypted(ctx context.Context) bool {
	server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	return ok && !strings.HasPrefix(server.Addr, transport.DNS+"://")
}

// udpFront stands before all plugins of the server block. So fitUDP and the explainer also see our
// answers that the cache plugin keeps, which somebody may have asked for over TCP.
type udpFront struct {
	k     *Kubernetes
	next  plugin.Handler
	serve func(*dnsserver.Server) // told of each query's server; nil if CoreDNS tells it (see hook)
}

// Name implements plugin.Handler.
func (f *udpFront) Name() string { return pluginName + "-udp" }

// ServeDNS implements plugin.Handler.
func (f *udpFront) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if f.serve != nil {
		if server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server); ok {
			f.serve(server)
		}
	}
	opt := r.IsEdns0()
	if opt != nil && opt.UDPSize() > f.k.udpSize && f.k.responder.Zones.Match(strings.ToLower(r.Question[0].Name)) != nil {
		f.k.fitUDP(ctx, &request.Request{W: w, Req: r})
	}
	if opt != nil && f.k.responder.Explain {
		w = &explainer{w, f.k, r}
	}
	return plugin.NextOrFailure(f.Name(), f.next, ctx, w, r)
}
