package kubernetes

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/upstream"
	"github.com/neardns/neardns/plugin/zone"
)

const pluginName = "kubernetes"

func init() { plugin.Register(pluginName, setup) }

func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	for _, w := range cfg.warnings {
		log.Warning(w)
	}
	k := New(cfg)
	k.upstream = upstream.New()
	run := newRunner(cfg.startupTimeout)
	c.OnStartup(func() error {
		k.localIPs = boundIPs(dnsserver.GetConfig(c).ListenHosts)
		src, err := newSource(cfg, k.store)
		if err != nil {
			return plugin.Error(pluginName, cfg.source.errorf("%v", err))
		}
		run.whenSynced(src, func() { reportMissing(cfg, k.store) })
		return run.start(src)
	})
	c.OnShutdown(run.replaced)
	c.OnFinalShutdown(run.stop)
	c.OnRestart(live.restarting)
	c.OnRestartFailed(live.failed)

	k.install(c)
	return nil
}

// reportMissing logs which of the `namespaces` do not exist.
func reportMissing(cfg *config, store *zone.Store) {
	for _, name := range cfg.namespaces {
		if !store.NamespaceExists(name) {
			log.Warningf("%v: namespaces: there is no Namespace %q, and no name in it until there is one", cfg.places["namespaces"], name)
		}
	}
}
