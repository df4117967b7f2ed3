package hostnet

import "golang.org/x/sys/unix"

// openDummy makes a dummy device, and deletes those that dead processes have left. Nothing takes
// its addresses away when the process dies, so they have a lifetime and need renewal.
func openDummy(r route, c *Config) (*device, error) {
	if err := sweepDevices(r, c); err != nil {
		return nil, err
	}
	mac := macOf(r.PID())
	if err := r.addLink(c.Prefix+"%d", c.dummy, mac); err != nil {
		return nil, err
	}
	all, err := r.links()
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if l.mac == mac {
			return &device{link: l, lifetime: uint32(lifetime.Seconds())}, nil
		}
	}
	return nil, unix.ENODEV
}
