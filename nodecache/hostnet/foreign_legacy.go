package hostnet

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// legacyTable is the table raw of ip_tables, as iptables-legacy writes it, for one family.
type legacyTable struct {
	tool   string // iptables-legacy or ip6tables-legacy
	family int    // AF_INET
	level  int    // SOL_IP
}

// legacyTables returns those that are there. To ask the kernel for one that is not would load
// its module.
func legacyTables() (found []legacyTable) {
	for names, t := range map[string]legacyTable{
		"/proc/net/ip_tables_names":  {"iptables-legacy", unix.AF_INET, unix.SOL_IP},
		"/proc/net/ip6_tables_names": {"ip6tables-legacy", unix.AF_INET6, unix.SOL_IPV6},
	} {
		text, err := os.ReadFile(names)
		if err == nil && strings.Contains("\n"+string(text), "\nraw\n") {
			found = append(found, t)
		}
	}
	return found
}

// Options of linux/netfilter_ipv4/ip_tables.h, and of its twin for IPv6.
const (
	getInfo    = 64
	getEntries = 65
)

// tableInfo is struct ipt_getinfo.
type tableInfo struct {
	name    [32]byte
	_       [1 + 5 + 5]uint32
	_, size uint32
}

// entriesHead is how much of struct ipt_get_entries lies before the rules: the name, the size
// and what aligns.
const entriesHead = 40

// mentions reports whether a rule has a text in it. What can't be read has none.
func (t legacyTable) mentions(text string) bool {
	fd, err := unix.Socket(t.family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	info := tableInfo{name: [32]byte{'r', 'a', 'w'}}
	if getsockopt(fd, t.level, getInfo, unsafe.Pointer(&info), unsafe.Sizeof(info)) != nil || info.size > 64<<20 { // #nosec G103 -- a kernel structure
		return false
	}
	all := make([]byte, entriesHead+int(info.size))
	copy(all, info.name[:])
	*(*uint32)(unsafe.Pointer(&all[32])) = info.size // #nosec G103 -- a kernel structure
	err = getsockopt(fd, t.level, getEntries, unsafe.Pointer(&all[0]), uintptr(len(all)))
	return err == nil && bytes.Contains(all, []byte(text))
}

// getsockopt is the system call, with any structure.
func getsockopt(fd, level, option int, value unsafe.Pointer, size uintptr) error {
	length := uint32(size)                                                                                                                               // #nosec G115 -- bounded by the callers
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(value), uintptr(unsafe.Pointer(&length)), 0) // #nosec G103
	if errno != 0 {
		return errno
	}
	return nil
}

// explain returns the error that names the commands.
func (t legacyTable) explain() error {
	return &Error{
		fmt.Sprintf("rules %q of an earlier node-local cache", skipComment), errLegacy,
		fmt.Sprintf("run on the node: %[1]s-save -t raw | grep -v '%[2]s' | %[1]s-restore -w -T raw", t.tool, skipComment),
	}
}
