package hostnet

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/nodecache/hostnet/nft"
)

// A table without an owner and a dummy device stay when their process dies. So each names the
// process that made it: by the number of its netlink socket. In a network namespace, no two living
// sockets of a netlink protocol have the same number, and a number is free again when its process
// dies. (A PID wouldn't do: two containers may both be PID 1.)

// tablePrefix begins the names of our tables. Behind it stands the number.
const tablePrefix = "neardns-"

func tableName(number uint32) string {
	return tablePrefix + strconv.FormatUint(uint64(number), 10)
}

// sweepTables deletes the tables of dead processes.
func sweepTables(c *nft.Conn) error {
	tables, err := c.Tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		digits, ours := strings.CutPrefix(t.Name, tablePrefix)
		number, err := strconv.ParseUint(digits, 10, 32)
		if ours && err == nil && !t.Owned && isDead(unix.NETLINK_NETFILTER, uint32(number), c.Number()) {
			_ = c.Delete(t.Name) // another process may have been first
		}
	}
	return nil
}

// sweepDevices deletes the dummy devices of dead processes.
func sweepDevices(r route, c *Config) error {
	all, err := r.links()
	if err != nil {
		return err
	}
	for _, l := range all {
		number, ok := numberOf(l.mac)
		if ok && l.kind == c.dummy && isOurs(l.name, c.Prefix) && isDead(unix.NETLINK_ROUTE, number, r.PID()) {
			_ = r.deleteLink(l.index) // another process may have been first
		}
	}
	return nil
}

// isOurs reports whether the name of a device is a prefix and a number, as of our devices.
func isOurs(name, prefix string) bool {
	number, ok := strings.CutPrefix(name, prefix)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// macOf returns the hardware address of a dummy device: 02:53, which is locally administered, and
// the number of the rtnetlink socket.
func macOf(number uint32) string {
	return string(binary.BigEndian.AppendUint32([]byte{0x02, 0x53}, number))
}

func numberOf(mac string) (number uint32, ok bool) {
	if len(mac) != 6 || !strings.HasPrefix(mac, "\x02\x53") {
		return 0, false
	}
	return binary.BigEndian.Uint32([]byte(mac[2:])), true
}

// isDead reports whether the process that had a number for a netlink protocol is dead. If the
// number is ours now, it was another's before. A number that a living socket has can't be bound a
// second time, see netlink_insert in the kernel's af_netlink.c.
func isDead(protocol int, number, ours uint32) bool {
	if number == ours {
		return true
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: number}) == nil
}
