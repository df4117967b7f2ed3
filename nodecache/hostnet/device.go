package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/nodecache/hostnet/nft"
)

// device holds the addresses.
type device struct {
	link
	tun      *os.File     // nil for a dummy device
	lifetime uint32       // of its addresses, in seconds
	sources  []netip.Addr // that probes come from: of each family one, if there is a TUN
}

// openDevice makes a TUN, or else a dummy device, and then why says why.
func openDevice(r route, c *Config) (d *device, why string, err error) {
	file, name, err := openTUN(c.Prefix + "%d")
	if err != nil {
		why = err.Error()
		if d, err = openDummy(r, c); err != nil {
			return nil, "", noDevice(why, err)
		}
	} else {
		d = &device{link: link{name: name}, tun: file, lifetime: infinity}
	}
	if err = d.find(r); err == nil {
		err = d.put(r, c.Addrs)
	}
	if err == nil && d.tun != nil {
		err = d.addSources(r, c.Addrs)
	}
	if err != nil {
		d.close(r)
		return nil, "", explain("network device "+d.name, err)
	}
	return d, why, nil
}

func noDevice(why string, err error) error {
	if isAny(err, unix.EOPNOTSUPP) {
		return &fault{"network device", fmt.Errorf("%s, and the kernel has no dummy device", why),
			"give the container the node's /dev/net/tun, or load the kernel module dummy"}
	}
	return explain("network device", err)
}

// probes returns where probes come from.
func (d *device) probes() nft.Probes {
	if d == nil || d.tun == nil {
		return nft.Probes{}
	}
	return nft.Probes{Device: d.index, From: d.sources}
}

// find learns the index of the device by its name.
func (d *device) find(r route) error {
	all, err := r.links()
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.name == d.name {
			d.link = l
			return nil
		}
	}
	return unix.ENODEV
}

// put gives the device what it should have. It changes nothing that is as it should be.
func (d *device) put(r route, addrs []netip.Addr) error {
	if err := r.setUp(d.index); err != nil {
		return err
	}
	for _, a := range addrs {
		if err := r.addAddr(d.index, a, d.lifetime); err != nil {
			return explainAddr(a, err)
		}
	}
	for _, a := range addrs {
		if err := d.awaitRoute(r, a); err != nil {
			return err
		}
	}
	for _, a := range d.sources {
		if err := r.addRoute(d.index, a); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return nil
}

// routeWait bounds the wait for a route. Usually it takes less than a millisecond.
const routeWait = time.Second

// awaitRoute waits until packets to an address reach it. For an IPv6 address, the kernel makes the
// route some time after it says that it has the address (addrconf_dad_work). awaitRoute adds the
// address again and again, because someone else may just be deleting all addresses.
func (d *device) awaitRoute(r route, a netip.Addr) error {
	for start := time.Now(); !r.isLocal(d.index, a); {
		if time.Since(start) > routeWait {
			return fmt.Errorf("address %s: the kernel has not made a route to it in %v", a, routeWait)
		}
		time.Sleep(time.Millisecond)
		if err := r.addAddr(d.index, a, d.lifetime); err != nil {
			return explainAddr(a, err)
		}
	}
	return nil
}

func explainAddr(a netip.Addr, err error) error {
	if a.Is6() && isAny(err, unix.EACCES, unix.EAFNOSUPPORT, unix.EOPNOTSUPP) {
		return &fault{"address " + a.String(), errors.New("IPv6 is switched off on this node"),
			"leave the address out, or set the sysctl net.ipv6.conf.default.disable_ipv6=0"}
	}
	return err
}

// addSources finds a source address of each family that addrs have, and routes it into the device.
// The routes go with the device.
func (d *device) addSources(r route, addrs []netip.Addr) error {
	taken, err := r.addrs()
	if err != nil {
		return err
	}
	for _, at := range []func(int) netip.Addr{source4, source6} {
		if !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Is4() == at(0).Is4() }) {
			continue
		}
		a, err := d.addSource(r, at, taken)
		if err != nil {
			return err
		}
		d.sources = append(d.sources, a)
	}
	return nil
}

func (d *device) addSource(r route, at func(int) netip.Addr, taken []held) (netip.Addr, error) {
	for n := range sourceTries {
		a := at(d.index + n)
		if slices.ContainsFunc(taken, func(h held) bool { return h.addr == a }) {
			continue
		}
		if err := r.addRoute(d.index, a); !errors.Is(err, unix.EEXIST) {
			return a, err
		}
	}
	return netip.Addr{}, unix.EEXIST
}

// close deletes the device with everything that it has.
func (d *device) close(r route) error {
	if d.tun != nil {
		return d.tun.Close()
	}
	err := r.deleteLink(d.index)
	if isAny(err, unix.ENODEV) {
		return nil
	}
	return explain("network device "+d.name, err)
}
