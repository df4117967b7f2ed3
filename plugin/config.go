package kubernetes

import (
	"time"

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

	names            zone.Options
	ttl              uint32   // seconds
	fallthroughZones []string // normalized
	startupTimeout   time.Duration

	places   map[string]place // where each option stands
	warnings []string         // what is odd about the block, with its place
}

const (
	defaultTTL            = 5 // seconds
	defaultStartupTimeout = 5 * time.Second
)
