package nodecache

import (
	"log/slog"
	"slices"

	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/metrics"
)

// Config is what the command line says.
type Config struct {
	Corefile string // path of the Corefile, or of its template
	KubeDNS  string // directory of the kube-dns ConfigMap, empty for none
	Options  corefile.Options

	MetricsAddrs []string // addresses that serve metrics beside those of the Corefile
	Host         Host     // what the node should have
	Watch        bool     // take in a changed Corefile though it has no reload directive
	Node         string   // this node's name or address, by which it chooses among servers
	Identity     string   // answers id.server and hostname.bind; empty to refuse them

	Memory            budget.Budget // zero for that of the default limit
	Version, Revision string
	Level             *slog.LevelVar // of Log; the debug directive lowers it
	Log               *slog.Logger   // which never waits for a reader: see package logqueue
	LogDropped        func() uint64  // how many of its lines were dropped; nil for none
}

// configMap is the kube-dns ConfigMap as it was when it was last right.
type configMap struct {
	stubs   map[string][]string
	servers []string
	failed  string // what is wrong with it now
}

// load reads the Corefile and what belongs to it.
func (p *process) load() (*corefile.Config, error) {
	if p.KubeDNS != "" {
		p.readConfigMap()
	}
	o := p.Options
	o.StubDomains, o.UpstreamServers = p.kubeDNS.stubs, p.kubeDNS.servers
	return corefile.Load(p.Corefile, o)
}

// readConfigMap reads the kube-dns ConfigMap. One that is wrong is reported once and changes
// nothing, as with today's node-local cache.
func (p *process) readConfigMap() {
	stubs, servers, err := corefile.ReadConfigMap(p.KubeDNS)
	switch {
	case err == nil:
		p.kubeDNS = configMap{stubs: stubs, servers: servers}
	case err.Error() != p.kubeDNS.failed:
		p.kubeDNS.failed = err.Error()
		p.metrics.Own.SetupFailed(metrics.ConfigMap)
		p.Log.Error("the kube-dns ConfigMap is left out; what it last said stays", "error", err)
	}
}

// level returns how much a Corefile wants logged.
func level(c *corefile.Config) slog.Level {
	if slices.ContainsFunc(c.Blocks, func(b *corefile.Block) bool { return b.Debug }) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
