package differential

import (
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/world"
)

// names gathers what can be asked of a cluster: the names that its objects could have, and their
// neighbours.
type names struct {
	w       *world.World
	rand    *rand.Rand
	zone    string   // that names are made in, with the last dot
	foreign bool     // objects are named that have no names in the zone
	vital   []string // what every zone has, to be asked in every way
	real    []string // what could have records
	near    []string // what could not, but for the oddest
	seen    map[string]bool
}

// namesOf lists a cluster's names in all zones of an option set.
func namesOf(w *world.World, o options, r *rand.Rand) *names {
	n := &names{w: w, rand: r, seen: map[string]bool{}}
	for _, zone := range o.origins() {
		if !reverse(zone) {
			n.zone = strings.TrimPrefix(zone, ".")
			n.forward(o.imported(zone))
		}
	}
	n.reverse(o)
	n.zone = world.Outside
	n.beside("", "www", "missing")
	n.zone = "elsewhere.test."
	n.beside("", "www")
	return n
}

// add adds names of the zone that could have records.
func (n *names) add(bases ...string) {
	if n.foreign {
		n.beside(bases...)
		return
	}
	for _, base := range bases {
		n.to(&n.real, n.absolute(base))
	}
}

// beside adds neighbours of names.
func (n *names) beside(bases ...string) {
	for _, base := range bases {
		n.to(&n.near, n.absolute(base))
	}
}

func (n *names) absolute(base string) string {
	if n.zone == "" || base == "" {
		return dns.Fqdn(base + n.zone)
	}
	return base + "." + n.zone
}

// to adds a name to a list, if it is new and can be asked for.
func (n *names) to(list *[]string, name string) {
	if n.seen[name] || !askable(name) {
		return
	}
	n.seen[name] = true
	*list = append(*list, name)
}

// askable tells whether a name can be written in wire form and read back.
func askable(name string) bool {
	if _, ok := dns.IsDomainName(name); !ok {
		return false
	}
	_, err := dns.PackDomainName(name, make([]byte, 300), 0, nil, false)
	return err == nil
}

// zoneNames adds what every zone has.
func (n *names) zoneNames() {
	for _, base := range []string{"", "svc", "pod", "dns", "ns.dns", "dns-version", "hostmaster"} {
		n.to(&n.vital, n.absolute(base))
	}
}
