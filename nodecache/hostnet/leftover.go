package hostnet

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/neardns/neardns/nodecache/hostnet/nft"
)

// ipvsDevice holds all ClusterIPs where kube-proxy runs in IPVS mode.
const ipvsDevice = "kube-ipvs0"

// nodelocalDevice is the dummy device of the node-local cache of kubernetes/dns, unless its
// -interfacename says otherwise.
const nodelocalDevice = "nodelocaldns"

// Leftover is what a node-local cache of kubernetes/dns has left behind: its dummy device, or its
// rules. They stay when that cache dies. If we died too, the node would then have no DNS.
type Leftover struct {
	Name     string       // for the log
	Addrs    []netip.Addr // those of ours that it concerns
	index    int          // of a device
	takeOver func() error
}

// TakeOver deletes what is left, or returns an error that says in one line how to. Call it when a
// Host holds the addresses, so that no query finds them missing. It is no error if it is gone
// already. If the cache that made it still runs, that makes it again.
func (l Leftover) TakeOver() error { return l.takeOver() }

func takeOverDevice(l link) error {
	r, err := openRoute(0)
	if err != nil {
		return err
	}
	defer r.Close()
	all, err := r.links()
	if err != nil || all[l.index].name != l.name {
		return err
	}
	return explain("network device "+l.name, r.deleteLink(l.index))
}

// leftoverRules finds the rules about addrs. With an error, it returns those that it could find.
func leftoverRules(addrs []netip.Addr) (found []Leftover, err error) {
	const what = "rules of an earlier node-local cache"
	all, err := nft.FindForeign(addrs)
	for _, f := range all {
		found = append(found, Leftover{Name: f.Name, Addrs: addrs, takeOver: func() error { return explain(what, f.Delete()) }})
	}
	return found, err
}

// survey finds the devices that hold our addresses. It refuses a stranger's device; devices of our
// other processes may hold them. It lists the addresses before the devices: if a device is missing,
// it has gone in between, and its addresses with it.
func survey(r route, c *Config) (found []Leftover, err error) {
	addrs, err := r.addrs()
	if err != nil {
		return nil, err
	}
	all, err := r.links()
	if err != nil {
		return nil, err
	}
	for _, h := range addrs {
		l, there := all[h.index]
		switch {
		case !there, !slices.Contains(c.Addrs, h.addr), isOurs(l.name, c.Prefix):
		case l.name == ipvsDevice || c.Interface && !isLeftover(l, c):
			return nil, refuseForeign(h.addr, l.name)
		case c.Interface:
			found = addLeftover(found, l, h.addr)
		}
	}
	return found, nil
}

func isLeftover(l link, c *Config) bool {
	return l.kind == c.dummy && (l.name == nodelocalDevice || l.name == c.Prefix)
}

func addLeftover(found []Leftover, l link, a netip.Addr) []Leftover {
	i := slices.IndexFunc(found, func(f Leftover) bool { return f.index == l.index })
	if i < 0 {
		i = len(found)
		found = append(found, Leftover{Name: "network device " + l.name, index: l.index, takeOver: func() error { return takeOverDevice(l) }})
	}
	found[i].Addrs = append(found[i].Addrs, a)
	return found
}

func refuseForeign(a netip.Addr, device string) error {
	f := &fault{"address " + a.String(), fmt.Errorf("the device %s holds it", device), ""}
	if device == ipvsDevice {
		f.remedy = "kube-proxy in IPVS mode serves ClusterIPs there: give the link-local address alone, and to the kubelets as --cluster-dns"
	} else {
		f.remedy = fmt.Sprintf("give another with -localip, or take it away: ip addr del %s/%d dev %s", a, a.BitLen(), device)
	}
	return f
}

// HasIPVS reports whether kube-proxy runs in IPVS mode. In that mode, it translates packets where
// they enter the host, after all NAT, so a ClusterIP can be a server of a Fallback.
func HasIPVS() (bool, error) {
	r, err := openRoute(0)
	if err != nil {
		return false, err
	}
	defer r.Close()
	all, err := r.links()
	for _, l := range all {
		if l.name == ipvsDevice {
			return true, nil
		}
	}
	return false, err
}
