package intercept

import (
	"log/slog"
	"net/netip"

	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Cluster is the forward of the cluster domain; see forward.Forward.
type Cluster interface {
	Servers() []upstream.Endpoint // that are asked at present
	Found() []netip.AddrPort      // the Pods among them
}

// rule is where queries go; see hostnet.Fallback.
type rule interface {
	Set(servers []netip.AddrPort) error
	Close() error
}

// fallback keeps the rule right that says where queries go while no process takes them.
type fallback struct {
	rule
	cluster func() Cluster // as the Corefile has it now
	ipvs    bool           // kube-proxy uses IPVS
	log     *slog.Logger
	said    string // the last error that was logged
}

// openFallback opens the rule. What an earlier process wrote stays until refresh is called.
func openFallback(h *Host, cluster func() Cluster, log *slog.Logger) (*fallback, error) {
	ipvs, err := hostnet.HasIPVS()
	if err != nil {
		return nil, err
	}
	r, err := hostnet.OpenFallback(h.Addrs, h.Port)
	if err != nil {
		return nil, err
	}
	return &fallback{rule: r, cluster: cluster, ipvs: ipvs, log: log}, nil
}

// refresh makes queries go to the cluster DNS as it is now. Connection tracking translates a packet
// once, so the rule must name the cluster DNS's Pods. Under IPVS, which does not use connection
// tracking for that, a ClusterIP will do.
func (f *fallback) refresh() {
	cluster := f.cluster()
	servers := cluster.Found()
	if f.ipvs {
		servers = nil
		for _, e := range cluster.Servers() {
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
