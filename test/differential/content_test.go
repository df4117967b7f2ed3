package differential

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
)

// TestTransferIsTheZone compares what our program transfers of random clusters with its answers to
// questions: for each name and type of the transfer, and for the names that the clusters' objects
// could have (RFC 5936, section 3: a transfer is the zone's content).
func TestTransferIsTheZone(t *testing.T) {
	seed := chooseSeed(t)
	t.Logf("seed %d", seed)
	b := build(t)
	b.stock = b.ours // the only one that is asked
	local, err := world.Local()
	if err != nil {
		t.Fatal(err)
	}
	w := world.New(seed, 15, local)
	sets := []options{
		{name: "all", zones: many(), multicluster: []string{"clusterset.local"}, pods: "verified", zonal: true, transfer: true},
		{name: "some", zones: usual(), podNames: true, ignoreEmpty: true, namespaces: []string{"a", "b"}, transfer: true},
		{name: "root", zones: []string{"."}, pods: "verified", transfer: true},
	}
	p := serve(t, b, w, sets)
	for i, o := range sets {
		t.Run(o.name, func(t *testing.T) {
			c := &content{T: t, client: ask.NewClient(address(p.ours[i]), 30*time.Second), sent: map[rrset][]string{}}
			defer c.client.Close()
			for _, zone := range o.origins() {
				c.transfer(zone)
			}
			c.compare()
			c.find(namesOf(w, o, rand.New(rand.NewPCG(seed, uint64(i)))).real)
		})
	}
}

// content is everything that was transferred from the zones of a server.
type content struct {
	*testing.T
	client *ask.Client
	sent   map[rrset][]string
}

// rrset names all records of one name, in lower case, and type.
type rrset struct {
	name string
	kind uint16
}

// zoneTypes are the types that a zone has records of.
var zoneTypes = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeCNAME, dns.TypePTR, dns.TypeTXT, dns.TypeNS, dns.TypeSOA,
}

// transfer gathers a zone's records. Only the SOA may come twice.
func (c *content) transfer(zone string) {
	for _, text := range c.ask(zone, dns.TypeAXFR) {
		rr, err := dns.NewRR(text)
		if err != nil {
			c.Fatal(err)
		}
		set := rrset{strings.ToLower(rr.Header().Name), rr.Header().Rrtype}
		if slices.Contains(c.sent[set], text) {
			if set.kind != dns.TypeSOA {
				c.Errorf("transferred twice: %s", text)
			}
			continue
		}
		c.sent[set] = append(c.sent[set], text)
	}
}

// ask returns the records of an answer.
func (c *content) ask(name string, kind uint16) []string {
	a, err := c.client.Ask(ask.Question{Name: name, Type: kind, TCP: true})
	if err != nil || a.Silent || a.Truncated() {
		c.Fatalf("%s %s: %v, %v", name, dns.TypeToString[kind], a, err)
	}
	return a.Sections[ask.Records]
}

// compare asks for every name that was transferred.
func (c *content) compare() {
	names := map[string]bool{}
	for set := range c.sent {
		names[set.name] = true
	}
	for name := range names {
		for _, kind := range zoneTypes {
			c.compareAt(name, kind)
		}
	}
}

// compareAt compares an answer with what was transferred. At an alias the answer goes on at its
// target, or is empty.
func (c *content) compareAt(name string, kind uint16) {
	got, want := c.ask(name, kind), c.sent[rrset{name, kind}]
	if alias := c.sent[rrset{name, dns.TypeCNAME}]; len(alias) == 1 && kind != dns.TypeCNAME {
		if len(got) > 0 && !slices.Contains(got, alias[0]) {
			c.Errorf("%s %s: %v lacks %s", name, dns.TypeToString[kind], got, alias[0])
		}
		return
	}
	if slices.Sort(want); !slices.Equal(got, want) {
		c.Errorf("%s %s\nanswered    %v\ntransferred %v", name, dns.TypeToString[kind], got, want)
	}
}

// find asks for names that objects could have. If a name has records they must have been
// transferred, unless it is another spelling of a name.
func (c *content) find(names []string) {
	for _, name := range names {
		for _, kind := range zoneTypes {
			got := c.ask(name, kind)
			if len(got) > 0 && !alternative(name) && !c.has(name) {
				c.Errorf("%s %s was not transferred: %v", name, dns.TypeToString[kind], got)
			}
		}
	}
}

func (c *content) has(name string) bool {
	return slices.ContainsFunc(zoneTypes, func(kind uint16) bool { return len(c.sent[rrset{strings.ToLower(name), kind}]) > 0 })
}

// alternative tells whether a name is another spelling of one: of a port without underscores, or
// one with prefer._zone, which widens to all endpoints, whatever the zone.
func alternative(name string) bool {
	labels := dns.SplitDomainName(name)
	if strings.Contains(name, ".prefer._zone.") || len(labels) < 2 {
		return len(labels) >= 2
	}
	port, protocol := labels[0], labels[1]
	isPort := slices.Contains([]string{"tcp", "udp", "sctp"}, strings.TrimPrefix(protocol, "_"))
	return isPort && !(strings.HasPrefix(port, "_") && strings.HasPrefix(protocol, "_"))
}
