package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Plugin is a directive in force for a zone of a server.
type Plugin struct{ Server, Zone, Name string }

// plugins tells which directives are in force (plugin/metrics/setup.go).
type plugins struct {
	enabled family
	list    atomic.Pointer[map[Plugin]struct{}]
}

func newPlugins() *plugins {
	p := &plugins{enabled: newFamily(prometheus.GaugeValue, stock, "", "plugin_enabled",
		"A metric that indicates whether a plugin is enabled on per server and zone basis.", "server", "zone", "view", "name")}
	p.list.Store(new(map[Plugin]struct{}))
	return p
}

// SetPlugins makes list the directives in force. Of them those are told that are handlers in
// CoreDNS, as it does.
func (s *Set) SetPlugins(list []Plugin) {
	enabled := make(map[Plugin]struct{})
	for _, p := range list {
		if handles(p.Name) {
			enabled[Plugin{valid(p.Server), valid(p.Zone), valid(p.Name)}] = struct{}{}
		}
	}
	s.plugins.list.Store(&enabled)
}

// handles reports whether a directive puts a handler into CoreDNS's chain.
func handles(name string) bool {
	switch name {
	case "bind", "debug", "health", "pprof", "ready", "reload", "timeouts", "tls":
		return false
	}
	return true
}

func (p *plugins) Describe(ch chan<- *prometheus.Desc) { describe(ch, p.enabled) }

func (p *plugins) Collect(ch chan<- prometheus.Metric) {
	for l := range *p.list.Load() {
		p.enabled.to(ch, 1, l.Server, l.Zone, "", l.Name)
	}
}
