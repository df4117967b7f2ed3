package nodecache

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/metrics"
)

// Host says what the node should have.
type Host struct {
	Interface  bool   // give the node the addresses
	Prefix     string // of the name of the device that holds them
	Rules      bool   // keep queries to them out of connection tracking, and with us
	HealthPort uint16
	Fallback   bool // have queries go on to the cluster DNS while no process takes them
	Outside    bool // answer other machines too
}

// wanted reports whether anything of the node's is ours to set up.
func (c *Config) wanted() bool {
	return len(c.Options.LocalIPs) > 0 && (c.Host.Interface || c.Host.Rules)
}

// freeBind reports whether to listen at addresses that no device has yet.
func (c *Config) freeBind() bool { return c.wanted() && c.Host.Interface }

// localAddrs returns where pods ask.
func (c *Config) localAddrs() (addrs []netip.AddrPort) {
	for _, a := range c.Options.LocalIPs {
		addrs = append(addrs, netip.AddrPortFrom(a, c.Options.Port))
	}
	return addrs
}

// openHost gives the node what it should have. Nothing is intercepted yet.
func (p *process) openHost() error {
	p.interception = &interception{
		addrs: p.localAddrs(), local: p.selfCheck(p.loopback().way()), last: time.Now(),
		own: p.metrics.Own, log: p.Log,
	}
	if err := p.openFallback(); err != nil || !p.wanted() {
		return err
	}
	h, err := hostnet.Open(hostnet.Config{
		Addrs: p.Options.LocalIPs, Port: p.Options.Port, HealthPort: p.Host.HealthPort,
		Interface: p.Host.Interface, Prefix: p.Host.Prefix, Rules: p.Host.Rules, Log: p.Log,
		AnswerOutside: p.Host.Outside,
	})
	if err != nil {
		return err
	}
	p.host = h
	p.interception.host, p.interception.pods = h, p.selfCheck(way{h.Probe, h.ProbeTCP})
	m := h.Mode()
	p.metrics.Own.HostMode(m.Device, m.Table)
	p.Log.Info("the node", "device", m.Device, "table", m.Table)
	p.impaired(metrics.Fallback, m.Impaired(), m.Why)
	p.interception.leftovers = p.takeOver(h.Leftovers())
	return nil
}

// loopback is how this process asks itself. Its rules keep others from answering instead.
func (p *process) loopback() loopback {
	if p.wanted() && p.Host.Rules {
		return loopback{hostnet.Mark}
	}
	return loopback{}
}

// release sends new queries where they went without us.
func (p *process) release() error {
	if p.host == nil {
		return nil
	}
	p.metrics.Own.Intercepting(false)
	return p.host.Release()
}

// closeHost takes away what openHost gave.
func (p *process) closeHost() (err error) {
	if p.interception.fallback != nil {
		err = p.interception.fallback.Close()
	}
	if p.host != nil {
		err = errors.Join(err, p.host.Close())
	}
	return err
}

// takeOver takes away what today's node-local cache left, which would stay when we die. It
// returns what only a person can take away.
func (p *process) takeOver(leftovers []hostnet.Leftover) (stay []hostnet.Leftover) {
	for _, l := range leftovers {
		err := l.TakeOver()
		if err == nil {
			p.Log.Info("taken over from another node-local cache", "what", l.Name, "addresses", l.Addrs)
			continue
		}
		p.impaired(metrics.Leftovers, true, err.Error())
		stay = append(stay, l)
	}
	return stay
}

// impaired tells that queries would go astray for some time, or for good, if we died.
func (p *process) impaired(by metrics.Impairment, is bool, why string) {
	p.metrics.Own.FailOpenImpaired(by, is)
	if is {
		p.Log.Warn("if this process died, queries would not go to the cluster DNS at once", "why", why)
	}
}

// checkLocal returns an error if an address that is to be intercepted is not listened on.
func (c *Config) checkLocal(listened []netip.AddrPort) error {
	for _, a := range c.localAddrs() {
		covers := func(l netip.AddrPort) bool {
			return l == a || l.Port() == a.Port() && l.Addr().IsUnspecified() && l.Addr().Is4() == a.Addr().Is4()
		}
		if c.wanted() && !slices.ContainsFunc(listened, covers) {
			return fmt.Errorf("%s: no server block listens on %v, which -localip names; add %v to its bind directive, or leave it out of -localip", c.Corefile, a, a.Addr())
		}
	}
	return nil
}
