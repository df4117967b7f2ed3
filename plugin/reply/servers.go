package reply

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// server is the name and one address of a zone's server.
type server struct {
	name Name
	addr netip.Addr
}

// servers collects the servers of one zone, each once.
type servers struct {
	zone *Zone
	list []server
}

// add adds a server, unless its name is too long. Its name is ns.dns if the zone has no names of
// Services: a reverse zone, and a zone of ServiceImports.
func (s *servers) add(n Name, addr netip.Addr) {
	if s.zone.Reverse || s.zone.Set == zone.Imported {
		n = Name{}
	}
	known := slices.ContainsFunc(s.list, func(o server) bool { return o.addr == addr && o.name == n })
	if !known && n.fits(s.zone.length) {
		s.list = append(s.list, server{n, addr})
	}
}

// addService adds the cluster IPs of a Service. Of a headless Service, it adds the endpoints of
// each slice that lists ip.
func (s *servers) addService(found *zone.Result, ip netip.Addr) {
	for _, addr := range found.Service.Addrs {
		s.add(Name{Key: found.Service.Key}, addr)
	}
	if found.Service.Kind != zone.Headless {
		return
	}
	for slice, e := range found.Endpoints() {
		if slice.Has(ip) {
			s.add(Name{Key: found.Service.Key, Label: e.Label()}, e.Addr)
		}
	}
}

// servers returns the servers of a zone: the Services that have this server among their
// endpoints or, if there are none, the addresses that this server is bound to, as ns.dns.
func (s *Responder) servers(z *Zone) []server {
	all := servers{zone: z}
	for _, ip := range s.Addrs {
		for found := range s.Store.ServicesAt(ip) {
			all.addService(&found, ip)
		}
	}
	if all.list == nil {
		for _, ip := range s.Addrs {
			all.add(Name{}, ip)
		}
	}
	return all.list
}

// nameServers answers for NS records: with the servers' names, and their addresses as extras.
func (s *Responder) nameServers(q *Question, r *Reply) {
	a := &r.Answer
	a.Origin = q.origin()
	for _, server := range s.servers(q.Zone) {
		i := slices.IndexFunc(a.Names, func(n Name) bool { return n == server.name })
		if i < 0 {
			i = len(a.Names)
			a.Names = append(a.Names, server.name)
		}
		r.Extra = append(r.Extra, Extra{i, server.addr})
	}
	if len(a.Names) > 0 {
		a.Type = wire.NS
	}
}

// nameServerAddrs answers at ns.dns with the addresses of all servers.
func (s *Responder) nameServerAddrs(q *Question, r *Reply) {
	if q.Type != wire.A && q.Type != wire.AAAA {
		return
	}
	a := &r.Answer
	for _, server := range s.servers(q.Zone) {
		if server.addr.Is4() == (q.Type == wire.A) && !slices.Contains(a.Addrs, server.addr) {
			a.Addrs = append(a.Addrs, server.addr)
		}
	}
	if len(a.Addrs) > 0 {
		a.Type = q.Type
	}
}
