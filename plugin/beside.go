package kubernetes

import (
	"reflect"
	"slices"
	"sync"
	"time"

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

// replacing has p's fronts leave in a reload, before any plugin of its instance shuts down: what was
// passed on needs them. The runner is one of the instance's. It belongs into OnStartup.
func (p *plan) replacing(run *runner) {
	if p.instance == nil || p.leaves {
		return
	}
	p.leaves = true
	p.instance.OnShutdown = slices.Insert(p.instance.OnShutdown, 0, func() error {
		if live.leaves(run) {
			p.beside.Replaced()
		}
		return nil
	})
}

// stop is for caddy's OnFinalShutdown, after the lameduck time of the health plugin.
func (p *plan) stop() error {
	if p.instance == nil || p.stopped {
		return nil
	}
	p.stopped = true
	if hold(p.instance) {
		p.beside.Stop()
	} else {
		p.beside.Replaced()
	}
	return nil
}

// held is how long hold holds. The fronts have left by then: CoreDNS's sockets may take 5 s to close,
// and the fronts 6 s more.
const held = 15 * time.Second

// hold keeps the program from ending for a while. CoreDNS's main function returns once the sockets of
// all servers are closed (caddy.Instance.Wait), and then our fronts could not finish. caddy.Stop holds
// it in the same way, but waits for OnFinalShutdown itself. After a signal, caddy ends the program.
func hold(i *caddy.Instance) (ok bool) {
	field := reflect.ValueOf(i).Elem().FieldByName("wg")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*sync.WaitGroup]() {
		return false
	}
	servers := (*sync.WaitGroup)(field.UnsafePointer())
	servers.Add(1)
	time.AfterFunc(held, servers.Done)
	return true
}
