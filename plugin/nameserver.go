package kubernetes

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// host is a name server's name and one address of it.
type host struct {
	name string
	addr netip.Addr
}

// nameServers returns where this zone is served: the Services whose endpoints this server
// is, or, as none is known, the server's own addresses. The name is ns.dns.<zone> for these, and
// where a Service has no name: in reverse zones and those of ServiceImports.
func (k *Kubernetes) nameServers(z *served, origin string) []host {
	var hosts []host
	add := func(h host) {
		if z.reverse || z.set == zone.Imported {
			h.name = join("ns.dns.", origin)
		}
		if legal(h.name) && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	for _, ip := range k.localIPs {
		for service := range k.store.ServicesAt(ip) {
			appendHosts(service, ip, origin, add)
		}
	}
	if hosts == nil {
		for _, ip := range k.localIPs {
			add(host{join("ns.dns.", origin), ip})
		}
	}
	return hosts
}

// appendHosts adds the cluster IPs of a Service, or, of a headless one, the endpoints that
// stand beside ip in a slice.
func appendHosts(found zone.Result, ip netip.Addr, origin string, add func(host)) {
	service := serviceName(found.Service, origin)
	for _, addr := range found.Service.Addrs {
		add(host{service, addr})
	}
	if found.Service.Kind != zone.Headless {
		return
	}
	for slice, e := range found.Endpoints() {
		if slice.Has(ip) {
			t := zone.Target{Host: e.Host, Addr: e.Addr}
			add(host{endpointName(t, service), e.Addr})
		}
	}
}

// ns returns the zone's NS records and the addresses of the servers they name.
func (k *Kubernetes) ns(q *question) (records, extra []dns.RR) {
	var seen []string
	for _, h := range k.nameServers(q.zone, q.origin()) {
		if !slices.Contains(seen, h.name) {
			seen = append(seen, h.name)
			records = append(records, k.recordNS(q.qname, h.name))
		}
		extra = append(extra, k.addr(h.name, h.addr))
	}
	return records, extra
}

func (k *Kubernetes) recordNS(name, server string) *dns.NS {
	return &dns.NS{Hdr: k.header(name, dns.TypeNS), Ns: server}
}

// nameServerAddrs answers at ns.dns.
func (k *Kubernetes) nameServerAddrs(q *question) (records []dns.RR) {
	var seen []netip.Addr
	for _, h := range k.nameServers(q.zone, q.origin()) {
		if q.asksFor(h.addr) && !slices.Contains(seen, h.addr) {
			seen = append(seen, h.addr)
			records = append(records, k.addr(q.qname, h.addr))
		}
	}
	return records
}

// asksFor reports whether q asks for addresses of addr's family.
func (q *question) asksFor(addr netip.Addr) bool {
	return q.qtype == dns.TypeA && addr.Is4() || q.qtype == dns.TypeAAAA && !addr.Is4()
}

// boundIPs returns the addresses that a server listens on: those named by `bind`, or all of
// the machine's. Loopback addresses count where there are no others: a zone has a name server
// with an address (RFC 1034, section 4.2.1), which is of use to those who can ask.
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

// listenIPs returns the addresses that hosts stand for: 0.0.0.0 for all of the machine's IPv4
// ones, and :: or nothing for all. A socket at :: hears IPv4 as well (RFC 3493, section 3.7).
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
