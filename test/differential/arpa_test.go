package differential

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/world"
)

// reverse adds the reverse names of every address of the cluster and of some others: whole, cut
// short and with too many labels.
func (n *names) reverse(o options) {
	for _, zone := range o.origins() {
		if reverse(zone) {
			n.zone = zone
			n.zoneNames()
			n.beside("a", "a.svc", "a.b.svc", "www.a.b.c.d", "300", "01")
		}
	}
	n.zone = ""
	for _, address := range addresses(n.w) {
		n.address(address)
	}
	for _, text := range []string{"10.96.250.250", "10.9.9.9", "192.0.2.77", "fd00:10:96::ffff", "::"} {
		n.address(text)
	}
}

// addresses are all addresses of the cluster, once each.
func addresses(w *world.World) []string {
	var all []string
	seen := map[string]bool{}
	add := func(address string) {
		if _, err := netip.ParseAddr(address); err == nil && !seen[address] {
			seen[address] = true
			all = append(all, address)
		}
	}
	for _, s := range w.Services {
		for _, ip := range world.ClusterIPs(s) {
			add(ip)
		}
		add(s.Spec.ExternalName)
	}
	for _, s := range w.Slices {
		for _, e := range s.Endpoints {
			for _, a := range e.Addresses {
				add(a)
			}
		}
	}
	for _, i := range w.Imports {
		for _, ip := range i.Spec.IPs {
			add(ip)
		}
	}
	for _, p := range w.Pods {
		add(p.Status.PodIP)
	}
	return all
}

// address adds a reverse name and those above and below it.
func (n *names) address(text string) {
	name := arpa(text)
	labels := dns.SplitDomainName(name)
	parent := strings.Join(labels[1:], ".")
	n.add(name)
	n.beside("x."+name, "1."+name, parent, "f."+parent)
	for range 2 {
		n.beside(strings.Join(labels[1+n.rand.IntN(len(labels)-2):], "."))
	}
}

// arpa is the reverse name of an address.
func arpa(address string) string {
	name, err := dns.ReverseAddr(address)
	if err != nil {
		panic(err) // addresses come from netip
	}
	return name
}
