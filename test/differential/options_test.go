package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/neardns/neardns/test/differential/world"
)

// options are one way to configure the plugin.
type options struct {
	name    string
	zones   []string // as an administrator writes them
	byBlock bool     // the zones are the server block's keys
	behind  bool     // other plugins serve the zones, too

	namespaces      []string
	namespaceLabels string
	labels          string
	pods            string
	podNames        bool
	noEndpoints     bool
	ignoreEmpty     bool
	zonal           bool
	transfer        bool
	multicluster    []string
	fall            []string // nil is no fallthrough, empty is for all zones
	ttl             uint32
	ttlSet          bool
	noExpress       bool
}

// expressOff are the option sets without the express lane.
func expressOff(sets []options) []options {
	off := slices.Clone(sets)
	for i := range off {
		off[i].noExpress = true
	}
	return off
}

// usual are the zones of most clusters.
func usual() []string { return []string{"cluster.local", "in-addr.arpa", "ip6.arpa"} }

// many are the zones of a cluster among others.
func many() []string {
	return []string{"cluster.local", "clusterset.local", "in-addr.arpa", "ip6.arpa"}
}

// optionSets are those that every cluster is served with.
func optionSets(w *world.World) []options {
	home := w.Services[0].Namespace
	set := []string{"clusterset.local"}
	return []options{
		{name: "default", zones: usual()},
		{name: "pods insecure", zones: usual(), pods: "insecure"},
		{name: "pods verified", zones: usual(), pods: "verified"},
		{name: "endpoint_pod_names", zones: usual(), podNames: true},
		{name: "ttl 0", zones: usual(), ttlSet: true},
		{name: "ttl 3600", zones: usual(), ttlSet: true, ttl: 3600},
		{name: "noendpoints", zones: usual(), noEndpoints: true},
		{name: "ignore empty_service", zones: usual(), ignoreEmpty: true},
		{name: "fallthrough", zones: usual(), fall: []string{}, behind: true, pods: "verified"},
		{name: "fallthrough reverse", zones: usual(), fall: []string{"in-addr.arpa", "ip6.arpa"}, behind: true},
		{name: "namespaces", zones: usual(), namespaces: []string{"a", "b"}, pods: "verified"},
		{name: "one namespace", zones: usual(), namespaces: []string{home, "nowhere"}, pods: "insecure"},
		{name: "namespace_labels", zones: usual(), namespaceLabels: "env=prod", pods: "insecure"},
		{name: "labels", zones: usual(), labels: "tier in (front, back)", pods: "verified"},
		{name: "zonal", zones: usual(), zonal: true},
		{name: "multicluster", zones: many(), multicluster: set},
		{name: "multicluster all", zones: many(), multicluster: set, zonal: true, podNames: true, pods: "insecure"},
		{name: "multicluster labels", zones: many(), multicluster: set, labels: "tier notin (data)",
			namespaceLabels: "env", ignoreEmpty: true, fall: []string{}, behind: true},
		{name: "several zones", zones: []string{"cluster.local", "Example.org", "sub.cluster.local", "10.in-addr.arpa"}},
		{name: "forward zone only", zones: []string{"cluster.local"}, pods: "verified"},
		{name: "reverse zone first", zones: []string{"in-addr.arpa", "ip6.arpa", "cluster.local"}, ignoreEmpty: true},
		{name: "server block", zones: usual(), byBlock: true},
		{name: "server block narrow", zones: []string{"cluster.local", "10.96.0.0/12", "10.244.0.0/16", "fd00:10::/32"},
			byBlock: true, zonal: true},
		{name: "root zone", zones: []string{"."}, pods: "verified"},
		{name: "transfer", zones: many(), multicluster: set, transfer: true},
		{name: "transfer few", zones: many(), multicluster: set, transfer: true, podNames: true,
			namespaces: []string{"a", "b", home}},
		{name: "everything", zones: usual(), pods: "verified", podNames: true, ignoreEmpty: true, zonal: true,
			namespaceLabels: "env in (prod, dev)", ttlSet: true, ttl: 30},
	}
}

// seconds is the TTL of every record.
func (o options) seconds() uint32 {
	if o.ttlSet {
		return o.ttl
	}
	return 5
}

// origins are the zones as DNS has them; a narrow network is several.
func (o options) origins() []string {
	var origins []string
	for _, z := range o.zones {
		origins = append(origins, origin(z)...)
	}
	return origins
}

// zone is the most specific zone that a name is in, in lower case, or "".
func (o options) zone(name string) string {
	longest := ""
	for _, z := range o.origins() {
		if dns.IsSubDomain(z, name) && len(z) > len(longest) {
			longest = z
		}
	}
	return longest
}

// primary is the zone that PTR records name.
func (o options) primary() string {
	for _, z := range o.origins() {
		if !reverse(z) {
			return z
		}
	}
	return ""
}

// imported tells whether a zone is of Services of other clusters.
func (o options) imported(zone string) bool {
	return slices.Contains(o.multicluster, strings.TrimSuffix(zone, "."))
}

// reverse tells whether a zone or name is of addresses.
func reverse(name string) bool {
	return dns.IsSubDomain("in-addr.arpa.", name) || dns.IsSubDomain("ip6.arpa.", name)
}

// selector is what a label option means; without one, all are selected.
func selector(expression string) labels.Selector {
	s, err := labels.Parse(expression)
	if err != nil {
		panic(err) // the expressions are constants
	}
	return s
}
