package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
)

// Plugin is a directive in force for a zone of a server.
type Plugin struct{ Server, Zone, Name string }

// plugins tells which directives are in force (plugin/metrics/setup.go).
type plugins struct {
	enabled family
	list    atomic.Pointer[map[Plugin]struct{}]
}

func newPlugins() *plugins {
	p := &plugins{enabled: tally.NewFamily(prometheus.GaugeValue, stock, "", "plugin_enabled",
		"A metric that indicates whether a plugin is enabled on per server and zone basis.", "server", "zone", "view", "name")}
	p.list.Store(new(map[Plugin]struct{}))
	return p
}

// set replaces the list; see Set.SetPlugins.
func (p *plugins) set(list []Plugin) {
	enabled := make(map[Plugin]struct{})
	for _, l := range list {
		if isHandler(l.Name) {
			enabled[Plugin{tally.Label(l.Server), tally.Label(l.Zone), tally.Label(l.Name)}] = struct{}{}
		}
	}
	p.list.Store(&enabled)
}

// isHandler reports whether a directive puts a handler into CoreDNS's chain.
func isHandler(name string) bool {
	switch name {
	case "bind", "debug", "health", "pprof", "ready", "reload", "timeouts", "tls":
		return false
	}
	return true
}

func (p *plugins) Describe(ch chan<- *prometheus.Desc) { tally.Describe(ch, p.enabled) }

func (p *plugins) Collect(ch chan<- prometheus.Metric) {
	for l := range *p.list.Load() {
		p.enabled.Send(ch, 1, l.Server, l.Zone, "", l.Name)
	}
}
