package nodecache

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/neardns/neardns/nodecache/hostnet"
)

// fallback keeps fresh where queries go while no process takes them.
type fallback struct {
	*hostnet.Fallback
	cluster *atomic.Pointer[forward] // of the cluster domain, as the Corefile has it now
	ipvs    bool                     // a ClusterIP will do
	log     *slog.Logger
	said    string // the last error that was logged
}

// openFallback readies what -fallback asks for.
func (p *process) openFallback() error {
	if !p.Host.Fallback {
		return nil
	}
	ipvs, err := hostnet.HasIPVS()
	if err != nil {
		return err
	}
	r, err := hostnet.OpenFallback(p.Options.LocalIPs, p.Options.Port)
	if err != nil {
		return err
	}
	p.interception.fallback = &fallback{Fallback: r, cluster: &p.cluster, ipvs: ipvs, log: p.Log}
	return nil
}

// refresh has queries go to the cluster DNS as it is now. Connection tracking translates
// once, so that must be its Pods, but under IPVS.
func (f *fallback) refresh() {
	cluster := f.cluster.Load()
	servers := cluster.pool.Found()
	if f.ipvs {
		servers = nil
		for _, e := range cluster.pool.Servers() {
			servers = append(servers, e.Addr)
		}
	}
	said := ""
	if err := f.Set(servers); err != nil {
		said = err.Error()
	}
	if said != "" && said != f.said {
		f.log.Error("-fallback", "error", said)
	}
	f.said = said
}

// checkFallback returns an error if the Corefile does not tell what -fallback needs to know.
func (c *Config) checkFallback(cluster *forward) error {
	switch {
	case !c.Host.Fallback:
	case cluster == nil:
		return fmt.Errorf("%s: -fallback needs a forward for the cluster domain", c.Corefile)
	case cluster.conf.Upstream.Name == "":
		if ipvs, err := hostnet.HasIPVS(); err != nil || !ipvs {
			return fmt.Errorf("%s: -fallback needs the addresses of the cluster DNS's pods; add follow NAME, of a headless Service, to this forward", cluster.conf.Pos)
		}
	}
	return nil
}
