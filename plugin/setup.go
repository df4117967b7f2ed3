package kubernetes

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/coredns/coredns/plugin/pkg/upstream"
)

const pluginName = "kubernetes"

var log = clog.NewWithPlugin(pluginName)

func init() { plugin.Register(pluginName, setup) }

func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	k := New(cfg)
	k.upstream = upstream.New()
	run := newRunner(cfg.startupTimeout)
	c.OnStartup(func() error {
		k.localIPs = boundIPs(dnsserver.GetConfig(c).ListenHosts)
		src, err := newSource(cfg, k.store)
		if err != nil {
			return plugin.Error(pluginName, c.Err(err.Error()))
		}
		return run.start(src)
	})
	c.OnShutdown(run.replaced)
	c.OnFinalShutdown(run.stop)
	c.OnRestart(live.restarting)
	c.OnRestartFailed(live.failed)

	k.install(c)
	return nil
}
