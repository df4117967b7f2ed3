package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// device holds the addresses.
type device struct {
	link
	tun      *os.File // nil for one that stays behind a process that dies
	lifetime uint32   // of its addresses, seconds
	sources  []netip.Addr
}

// openDevice makes one: a TUN, or else a dummy, and then says why.
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
		return &Error{"network device", fmt.Errorf("%s, and the kernel has no dummy device", why),
			"give the container the node's /dev/net/tun, or load the kernel module dummy"}
	}
	return explain("network device", err)
}

// probes is what probes come from, if they can.
func (d *device) probes() probes {
	if d == nil || d.tun == nil {
		return probes{}
	}
	return probes{d.index, d.sources}
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

// routeWait bounds the wait for a route. It takes less than a millisecond, usually.
const routeWait = time.Second

// awaitRoute waits until an address gets packets: of an IPv6 address, the kernel makes the
// route some time after it says that it has it, in addrconf_dad_work. It adds the address again
// meanwhile, for someone may be about to delete all.
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
		return &Error{"address " + a.String(), errors.New("IPv6 is switched off on this node"),
			"leave the address out, or set the sysctl net.ipv6.conf.default.disable_ipv6=0"}
	}
	return err
}

// close takes the device away with all that it has.
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
