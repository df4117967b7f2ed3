package kubernetes

import (
	"net"
	"slices"
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/lane"
)

// beside is the sockets that an instance has beside those of CoreDNS, as front.Instance has them.
type beside interface {
	Serve(*dnsserver.Server)
	Replaced()
	Stop()
}

// table returns what the lane answers by at an address, such as dns://:53, or nil if it answers nothing
// there.
func (p *plan) table(addr string) *lane.Table {
	if zones := p.zones(addr); zones != nil {
		return lane.NewTable(zones)
	}
	return nil
}

// hook has CoreDNS tell p of its servers, by a function that it calls for each UDP socket. Of several
// blocks at one address that have such a function CoreDNS takes the last one's. So ours takes no
// other's place: it calls that of its own block, such as shed's, and is left out if another block has
// one. It may then never be called, and hook returns false.
//
// It belongs between the setup of all plugins and the making of the servers.
func (p *plan) hook(c *caddy.Controller) bool {
	p.read(c)
	own, alone := dnsserver.GetConfig(c).UDPDecorateWriterFunc, true
	for i := range p.blocks {
		other := configOf(c, i, 0)
		if i != c.ServerBlockIndex && other.UDPDecorateWriterFunc != nil && !slices.Contains(p.hooked, other) {
			alone = false
		}
	}
	if own == nil && !alone {
		return false
	}
	for key := range c.ServerBlockKeys {
		config := configOf(c, c.ServerBlockIndex, key)
		config.UDPDecorateWriterFunc = func(s *dnsserver.Server) dns.DecorateWriter {
			p.beside.Serve(s)
			if own == nil {
				return nil
			}
			return own(s)
		}
		if own == nil {
			p.hooked = append(p.hooked, config)
		}
	}
	return alone
}

// configOf returns what CoreDNS knows of a key of a server block. Both must be there.
func configOf(c *caddy.Controller, block, key int) *dnsserver.Config {
	other := *c
	other.ServerBlockIndex, other.ServerBlockKeyIndex = block, key
	return dnsserver.GetConfig(&other)
}

// replacing has p's fronts leave in a reload, before the instance's plugins shut down: these have to
// answer what was passed on to them. The runner is one of the instance's. It belongs into OnStartup,
// behind join.
func (p *plan) replacing(run *runner) {
	if len(p.ours) == 0 || p.leaves {
		return
	}
	p.leaves = true
	p.instance.OnShutdown = slices.Insert(p.instance.OnShutdown, 0, func() error {
		if live.leaves(run) {
			p.beside.Replaced()
		}
		return nil
	})
	p.instance.SaveServer(&keeper{stopped: make(chan struct{})}, nil)
}

// stop is for caddy's OnFinalShutdown, after the lameduck time of the health plugin.
func (p *plan) stop() error {
	if p.leaves && !p.stopped {
		p.stopped = true
		p.beside.Stop()
	}
	return nil
}

// keeper is a server without sockets. CoreDNS's main function returns once all servers of the instance
// have ended (caddy.Instance.Wait). Those that our fronts stand beside end before the fronts do, and
// before other plugins shut down. keeper ends when caddy stops the servers, which is after all that.
//
// The instance's list of servers (caddy.Instance.Servers) has it in front of CoreDNS's.
type keeper struct {
	once    sync.Once
	stopped chan struct{}
}

// Serve implements caddy.TCPServer.
func (k *keeper) Serve(net.Listener) error {
	<-k.stopped
	return nil
}

// Stop implements caddy.Stopper.
func (k *keeper) Stop() error {
	k.once.Do(func() { close(k.stopped) })
	return nil
}

// Address implements caddy.GracefulServer: caddy stops no others.
func (k *keeper) Address() string { return "express" }

// Listen implements caddy.TCPServer.
func (k *keeper) Listen() (net.Listener, error) { return nil, nil }

// ListenPacket implements caddy.UDPServer.
func (k *keeper) ListenPacket() (net.PacketConn, error) { return nil, nil }

// ServePacket implements caddy.UDPServer.
func (k *keeper) ServePacket(net.PacketConn) error { return nil }

// WrapListener implements caddy.GracefulServer.
func (k *keeper) WrapListener(l net.Listener) net.Listener { return l }
