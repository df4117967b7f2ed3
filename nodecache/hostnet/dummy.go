package hostnet

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// A device that stays behind names in its hardware address the process that made it: 02:53,
// locally administered, and the number of its rtnetlink socket. The kernel gives no two
// sockets of a network namespace the same number, and takes it back with the process.

func macOf(port uint32) string {
	return string(binary.BigEndian.AppendUint32([]byte{0x02, 0x53}, port))
}

func portOf(mac string) (port uint32, ok bool) {
	if len(mac) != 6 || !strings.HasPrefix(mac, "\x02\x53") {
		return 0, false
	}
	return binary.BigEndian.Uint32([]byte(mac[2:])), true
}

// openDummy makes a dummy device, and deletes those that dead processes left. Its addresses
// need renewal, since nothing else takes them away.
func openDummy(r route, c *Config) (*device, error) {
	all, err := r.links()
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		port, ok := portOf(l.mac)
		if !ok || l.kind != c.dummy || !isOurs(l.name, c.Prefix) {
			continue
		}
		if port == r.PID() || !isAlive(unix.NETLINK_ROUTE, port) {
			r.deleteLink(l.index)
		}
	}
	mac := macOf(r.PID())
	if err := r.addLink(c.Prefix+"%d", c.dummy, mac); err != nil {
		return nil, err
	}
	if all, err = r.links(); err != nil {
		return nil, err
	}
	for _, l := range all {
		if l.mac == mac {
			return &device{link: l, lifetime: uint32(Lifetime.Seconds())}, nil
		}
	}
	return nil, unix.ENODEV
}

// isOurs reports whether a device is one of this package's, by its name.
func isOurs(name, prefix string) bool {
	number, ok := strings.CutPrefix(name, prefix)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// isAlive reports whether a socket of a netlink protocol has the number port: then it can't
// be bound to a second time, see netlink_insert in the kernel's af_netlink.c.
func isAlive(protocol int, port uint32) bool {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}) != nil
}
