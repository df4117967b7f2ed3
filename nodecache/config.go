package nodecache

import (
	"cmp"
	"fmt"
	"log/slog"

	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/intercept"
	"github.com/neardns/neardns/nodecache/metrics"
)

// Config is what the command line says.
type Config struct {
	Corefile string // path of the Corefile, or of its template
	KubeDNS  string // directory of the kube-dns ConfigMap; empty for none
	Options  corefile.Options

	MetricsAddrs []string       // addresses that serve metrics beside those of the Corefile
	Host         intercept.Host // what the node should have
	Watch        bool           // take in a changed Corefile though it has no reload directive
	Node         string         // this node's name or address, by which it chooses among servers
	Identity     string         // answers id.server and hostname.bind; empty to refuse them

	Memory            budget.Budget // zero for that of the default limit
	Version, Revision string
	Level             *slog.LevelVar // of Log; the debug directive lowers it
	Log               *slog.Logger   // it never waits for a reader: see package logqueue
	LogDropped        func() uint64  // how many lines of Log were dropped; nil for none
}

// withDefaults returns c with its zero values replaced.
func (c Config) withDefaults() Config {
	if c.Memory.Limit == 0 {
		c.Memory = budget.Divide(0, 0)
	}
	if c.LogDropped == nil {
		c.LogDropped = func() uint64 { return 0 }
	}
	c.Level = cmp.Or(c.Level, new(slog.LevelVar))
	return c
}

// at adds a place to an error, if there is one.
func at(place any, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v: %w", place, err)
}

// loader reads the Corefile and the kube-dns ConfigMap.
type loader struct {
	path    string
	kubeDNS string // see Config
	options corefile.Options
	events  *metrics.Events
	log     *slog.Logger

	failed string // what is wrong with the ConfigMap now
}

// load reads all of it. A ConfigMap that is wrong is reported once, and the last one that was right
// stays, as with today's node-local cache.
func (l *loader) load() (*corefile.Config, error) {
	if l.kubeDNS != "" {
		stubs, servers, err := corefile.ReadConfigMap(l.kubeDNS)
		switch {
		case err == nil:
			l.options.StubDomains, l.options.UpstreamServers, l.failed = stubs, servers, ""
		case err.Error() != l.failed:
			l.failed = err.Error()
			l.events.SetupFailed(metrics.ConfigMap)
			l.log.Error("the kube-dns ConfigMap is left out; what it last said stays", "error", err)
		}
	}
	return corefile.Load(l.path, l.options)
}
