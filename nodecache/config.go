package nodecache

import (
	"log/slog"
	"slices"

	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/metrics"
)

// Config is what the command line says.
type Config struct {
	Corefile string // path of the Corefile, or of its template
	KubeDNS  string // directory of the kube-dns ConfigMap, empty for none
	Options  corefile.Options

	MetricsAddrs []string // addresses that serve metrics beside those of the Corefile
	FreeBind     bool     // listen also at addresses that no interface has yet
	Watch        bool     // take in a changed Corefile though it has no reload directive
	Node         string   // this node's name or address, by which it chooses among servers

	Version, Revision string
	Level             *slog.LevelVar // of Log; the debug directive lowers it
	Log               *slog.Logger
}

// load reads the Corefile and what belongs to it. A kube-dns ConfigMap that is wrong is
// reported and left out, as today's node-local cache does.
func (c *Config) load(m *metrics.Set) (*corefile.Config, error) {
	o := c.Options
	if c.KubeDNS != "" {
		stubs, servers, err := corefile.ReadConfigMap(c.KubeDNS)
		if err != nil {
			m.Own.SetupFailed(metrics.ConfigMap)
			c.Log.Error("the kube-dns ConfigMap is left out", "error", err)
		} else {
			o.StubDomains, o.UpstreamServers = stubs, servers
		}
	}
	return corefile.Load(c.Corefile, o)
}

// level returns how much a Corefile wants logged.
func level(c *corefile.Config) slog.Level {
	if slices.ContainsFunc(c.Blocks, func(b *corefile.Block) bool { return b.Debug }) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
