package kubernetes

import (
	"context"
	"math"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// defaultUDPSize is the most that is sent over UDP, in bytes, whatever a query claims to be
// able to take: more would be cut into fragments, and let a forged query of 57 bytes bring
// 40,000 to somebody else (RFC 9715, section 3.1). An answer that is cut keeps what fits, on
// purpose: musl before 1.2.6 never asks again over TCP, and a record is all it needs.
const defaultUDPSize = 1232

// fitUDP has the server take a query that came over UDP as if it said that it can take no more
// than we send. CoreDNS reads that from the query's OPT record when it cuts an answer.
func (k *Kubernetes) fitUDP(ctx context.Context, state request.Request) {
	opt := state.Req.IsEdns0()
	if opt != nil && opt.UDPSize() > k.udpSize && state.Proto() == "udp" && !encrypted(ctx) {
		opt.SetUDPSize(k.udpSize)
	}
}

// encrypted reports whether the query came to a server of another transport than plain DNS. Those
// over QUIC name the client's UDP address, and send answers as long as TCP does (RFC 9250, section 4.2).
func encrypted(ctx context.Context) bool {
	server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	return ok && !strings.HasPrefix(server.Addr, transport.DNS+"://")
}

// udpFront stands before all plugins of the server block, so that fitUDP also holds for answers
// that the cache plugin keeps of ours: those may have been asked for over TCP.
type udpFront struct {
	k    *Kubernetes
	next plugin.Handler
}

// Name implements plugin.Handler.
func (f *udpFront) Name() string { return pluginName + "-udp" }

// ServeDNS implements plugin.Handler.
func (f *udpFront) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if opt := r.IsEdns0(); opt != nil && opt.UDPSize() > f.k.udpSize && f.k.match(strings.ToLower(r.Question[0].Name)) != nil {
		f.k.fitUDP(ctx, request.Request{W: w, Req: r})
	}
	return plugin.NextOrFailure(f.Name(), f.next, ctx, w, r)
}

// install puts k into the chain of its server block, at its directive's place.
func (k *Kubernetes) install(c *caddy.Controller) {
	block := dnsserver.GetConfig(c)
	block.AddPlugin(func(next plugin.Handler) plugin.Handler {
		k.Next = next
		return k
	})
	front := func(next plugin.Handler) plugin.Handler { return &udpFront{k, next} }
	block.Plugin = append([]plugin.Plugin{front}, block.Plugin...)
	c.OnStartup(func() error {
		if block.Handler("bufsize") != nil {
			k.udpSize = math.MaxUint16 // that plugin sees to it
		}
		return nil
	})
}
