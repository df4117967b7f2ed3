package intercept

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/selfcheck"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Host says what the node should have.
type Host struct {
	Addrs      []netip.Addr // where Pods ask
	Port       uint16       // of DNS
	HealthPort uint16       // of HTTP at the same addresses; 0 for none

	Interface bool   // give the node the addresses
	Prefix    string // of the name of the device that holds them
	Rules     bool   // keep queries to them out of connection tracking, and with us
	Outside   bool   // answer other machines too
	Fallback  bool   // let queries go on to the cluster DNS while no process takes them
}

// wanted reports whether we set anything up on the node.
func (h *Host) wanted() bool { return len(h.Addrs) > 0 && (h.Interface || h.Rules) }

// FreeBind reports whether sockets are opened at addresses that no device has yet.
func (h *Host) FreeBind() bool { return h.wanted() && h.Interface }

// Loopback returns the way on which this process asks itself. Our rules let no other process answer
// on it.
func (h *Host) Loopback() selfcheck.Way {
	if h.wanted() && h.Rules {
		return selfcheck.Loopback(hostnet.Mark)
	}
	return selfcheck.Loopback(0)
}

// dns returns where Pods ask.
func (h *Host) dns() (addrs []netip.AddrPort) {
	for _, a := range h.Addrs {
		addrs = append(addrs, netip.AddrPortFrom(a, h.Port))
	}
	return addrs
}

// CheckListening returns an error if queries would be intercepted to an address on which nobody
// listens.
func (h *Host) CheckListening(listened []netip.AddrPort) error {
	if !h.wanted() {
		return nil
	}
	for _, a := range h.dns() {
		covers := func(l netip.AddrPort) bool {
			return l == a || l.Port() == a.Port() && l.Addr().IsUnspecified() && l.Addr().Is4() == a.Addr().Is4()
		}
		if !slices.ContainsFunc(listened, covers) {
			return fmt.Errorf("no server block listens on %v, which -localip names; add %v to its bind directive, or leave it out of -localip", a, a.Addr())
		}
	}
	return nil
}

// CheckFallback returns an error if the Corefile does not tell what the fallback must know: a
// forward of the cluster domain, which is nil if there is none.
func (h *Host) CheckFallback(cluster *upstream.Config) error {
	switch {
	case !h.Fallback:
	case cluster == nil:
		return errors.New("-fallback needs a forward for the cluster domain")
	case cluster.Name == "":
		if ipvs, err := hostnet.HasIPVS(); err != nil || !ipvs {
			return errors.New("-fallback needs the addresses of the cluster DNS's Pods; add follow NAME, of a headless Service, to this forward")
		}
	}
	return nil
}
