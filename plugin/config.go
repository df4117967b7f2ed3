package kubernetes

import (
	"time"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/neardns/neardns/plugin/kube"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// config is a `kubernetes` block of a Corefile.
type config struct {
	zones        []string // normalized
	multicluster []string // normalized, each among zones

	source   place       // the option that says where records come from, or the directive
	access   kube.Access // how to reach the API server
	snapshot string      // absolute path of a file to serve instead

	namespaces      []string
	namespaceLabels labels.Selector // nil for all
	labels          labels.Selector // nil for all
	noEndpoints     bool
	podNames        bool // endpoint_pod_names

	names          zone.Options
	ttl            uint32 // seconds
	fall           fall.F
	startupTimeout time.Duration

	places   map[string]place // where each option stands
	warnings []string         // what is odd about the block, with its place
}

// octets returns the length, in a message, of the longest forward zone that has a set's names,
// or 0 if none has.
func (c *config) octets(set zone.Set) (longest int) {
	for _, name := range c.zones {
		if z := newServed(name, c.multicluster); z.set == set && !z.reverse {
			longest = max(longest, octets(name))
		}
	}
	return longest
}

const (
	defaultTTL            = 5 // seconds
	defaultStartupTimeout = 5 * time.Second
)
