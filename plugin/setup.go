package kubernetes

import (
	"net"
	"net/netip"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/upstream"
	"github.com/neardns/neardns/plugin/zone"
)

const pluginName = "kubernetes"

func init() { plugin.Register(pluginName, setup) }

func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	for _, w := range cfg.warnings {
		log.Warning(w)
	}
	k := newHandler(cfg)
	k.upstream = upstream.New()
	run := newRunner(cfg.startupTimeout)
	lanes := planOf(c)
	if err := lanes.keep(cfg); err != nil {
		return plugin.Error(pluginName, err)
	}
	c.OnStartup(func() error {
		k.responder.Addrs = boundIPs(dnsserver.GetConfig(c).ListenHosts)
		f, err := newFollower(cfg, k.responder.Store)
		if err != nil {
			return plugin.Error(pluginName, cfg.origin.errorf("%v", err))
		}
		if cfg.keep {
			k.responder.Notice = staleNotice(k.responder.Store)
		}
		lanes.join(c, cfg, &k.responder)
		lanes.replacing(run)
		run.whenSynced(f, func() { reportMissing(cfg, k.responder.Store) })
		return run.start(f, k.responder.Store)
	})
	c.OnShutdown(run.replaced)
	c.OnFinalShutdown(lanes.stop) // while records go on changing
	c.OnFinalShutdown(run.stop)
	c.OnRestart(live.restarting)
	c.OnRestartFailed(live.failed)

	k.install(c, lanes)
	return nil
}

// reportMissing logs which of the `namespaces` do not exist.
func reportMissing(cfg *config, store *zone.Store) {
	for _, name := range cfg.namespaces {
		if !store.NamespaceExists(name) {
			log.Warningf("%v: namespaces: there is no Namespace %q, and no name in it until there is one", cfg.places["namespaces"], name)
		}
	}
}

// boundIPs returns the addresses that a server listens on: those that `bind` names, or all of the
// machine's. Loopback addresses count only if there are no others: a zone needs a name server with
// an address (RFC 1034, section 4.2.1), and whoever can ask there can use it.
func boundIPs(hosts []string) []netip.Addr {
	var ips, loopback []netip.Addr
	for _, ip := range listenIPs(hosts) {
		if ip.IsLoopback() {
			loopback = append(loopback, ip)
		} else {
			ips = append(ips, ip)
		}
	}
	if len(ips) == 0 {
		return loopback
	}
	return ips
}

// listenIPs returns the addresses that hosts stand for. 0.0.0.0 stands for all IPv4 addresses of
// the machine. :: or no host stands for all addresses, as a socket at :: takes IPv4 as well (RFC
// 3493, section 3.7).
func listenIPs(hosts []string) (ips []netip.Addr) {
	if len(hosts) == 0 || hosts[0] == "" {
		hosts = []string{"::"}
	}
	for _, h := range hosts {
		ip, ok := parseIP(h)
		switch {
		case ok && ip.IsUnspecified():
			ips = append(ips, interfaceIPs(ip.Is4())...)
		case ok:
			ips = append(ips, ip)
		}
	}
	return ips
}

// interfaceIPs returns the machine's addresses, or only its IPv4 ones.
func interfaceIPs(only4 bool) (ips []netip.Addr) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		log.Warningf("No name server address is known: %v", err)
	}
	for _, a := range addrs {
		if ip, ok := parseIP(a.String()); ok && (ip.Is4() || !only4) {
			ips = append(ips, ip)
		}
	}
	return ips
}

// parseIP reads an address with or without a prefix length.
func parseIP(s string) (netip.Addr, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr().Unmap(), true
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}
