package hostnet

import (
	"fmt"
	"net/netip"
	"slices"
)

// ipvsDevice holds all ClusterIPs where kube-proxy runs in IPVS mode.
const ipvsDevice = "kube-ipvs0"

// nodelocalDevice is what the node-local cache of kubernetes/dns calls its dummy device,
// unless -interfacename says otherwise.
const nodelocalDevice = "nodelocaldns"

// Leftover is what a node-local cache of kubernetes/dns has left behind: its dummy device, or
// its rules. Such stay when that dies, and with them the node has no DNS when we die, too.
type Leftover struct {
	Name     string
	Addrs    []netip.Addr // those of ours that it is about
	index    int          // of a device
	takeOver func() error
}

// Leftovers returns what an earlier node-local cache left of what c wants to have: a device,
// rules. It changes nothing.
func Leftovers(c Config) ([]Leftover, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	r, err := openRoute(0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	devices, err := survey(r, &c)
	if err != nil || !c.Rules {
		return devices, err
	}
	rules, err := leftoverRules(c.Addrs)
	return append(devices, rules...), err
}

// TakeOver takes it away, or returns an *Error that says what to do. Call it when a Host holds
// the addresses, so that no query finds them missing. What is gone already is no error. The
// cache that made it, if it runs, would make it again.
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

// survey looks at who holds our addresses. Devices of this package's may. Addresses are
// listed first: whose device isn't there any more went with it.
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
	e := &Error{"address " + a.String(), fmt.Errorf("the device %s holds it", device), ""}
	if device == ipvsDevice {
		e.Remedy = "kube-proxy in IPVS mode serves ClusterIPs there: give the link-local address alone, and to the kubelets as --cluster-dns"
	} else {
		e.Remedy = fmt.Sprintf("give another with -localip, or take it away: ip addr del %s/%d dev %s", a, a.BitLen(), device)
	}
	return e
}
