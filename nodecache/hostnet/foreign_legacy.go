package hostnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
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
	next   int    // where in struct ipt_entry its length is
}

// legacyTables returns those that are there. To ask the kernel for one that is not would load
// its module.
func legacyTables() (found []legacyTable) {
	for _, t := range []struct {
		names string
		legacyTable
	}{
		{"/proc/net/ip_tables_names", legacyTable{"iptables-legacy", unix.AF_INET, unix.SOL_IP, 90}},
		{"/proc/net/ip6_tables_names", legacyTable{"ip6tables-legacy", unix.AF_INET6, unix.SOL_IPV6, 142}},
	} {
		text, err := os.ReadFile(t.names)
		if err == nil && strings.Contains("\n"+string(text), "\n"+foreignTable+"\n") {
			found = append(found, t.legacyTable)
		}
	}
	return found
}

// is4 reports whether t is of IPv4.
func (t legacyTable) is4() bool { return t.family == unix.AF_INET }

// count returns how many rules with the comment are about addrs.
func (t legacyTable) count(addrs []netip.Addr) (n int, err error) {
	all, err := t.entries()
	for err == nil && len(all) >= t.next+2 {
		length := int(binary.NativeEndian.Uint16(all[t.next:]))
		if length < t.next+2 || length > len(all) {
			return n, errors.New("the kernel's rules can't be read")
		}
		if t.skips(all[:length], addrs) {
			n++
		}
		all = all[length:]
	}
	return n, err
}

// skips reports whether a struct ipt_entry has the comment and is about one of addrs. It begins
// with the addresses that packets come from and go to.
func (t legacyTable) skips(entry []byte, addrs []netip.Addr) bool {
	if !bytes.Contains(entry, []byte(skipComment+"\x00")) {
		return false
	}
	for _, a := range family(addrs, t.is4()) {
		if s := a.AsSlice(); bytes.HasPrefix(entry, s) || bytes.HasPrefix(entry[len(s):], s) {
			return true
		}
	}
	return false
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

const (
	entriesHead = 40       // of struct ipt_get_entries, before the rules: the name, the size and what aligns
	entriesMost = 64 << 20 // octets
	entriesTry  = 10       // times, while others change them
)

// entries returns the rules of the table, each a struct ipt_entry.
func (t legacyTable) entries() (found []byte, err error) {
	fd, err := unix.Socket(t.family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for range entriesTry {
		if found, err = t.read(fd); !errors.Is(err, unix.EAGAIN) {
			return found, err
		}
	}
	return nil, err
}

// read fails with EAGAIN if the size of the table changes meanwhile.
func (t legacyTable) read(fd int) ([]byte, error) {
	info := tableInfo{}
	copy(info.name[:], foreignTable)
	if err := getsockopt(fd, t.level, getInfo, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil { // #nosec G103 -- a kernel structure
		return nil, err
	}
	if info.size > entriesMost {
		return nil, fmt.Errorf("%d octets of rules are too many to look at", info.size)
	}
	all := make([]byte, entriesHead+int(info.size))
	copy(all, info.name[:])
	binary.NativeEndian.PutUint32(all[len(info.name):], info.size)
	err := getsockopt(fd, t.level, getEntries, unsafe.Pointer(&all[0]), uintptr(len(all))) // #nosec G103 -- a kernel structure
	return all[entriesHead:], err
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

// takeOver returns an error that names the commands, as long as there are rules.
func (t legacyTable) takeOver(addrs []netip.Addr) error {
	what := "rules of an earlier node-local cache"
	n, err := t.count(addrs)
	if n == 0 {
		return explain(what, err)
	}
	var about []string
	for _, a := range family(addrs, t.is4()) {
		about = append(about, fmt.Sprintf("%s/%d", a, a.BitLen()))
	}
	return &Error{what, fmt.Errorf("%d are of ip_tables, which no netlink message removes; if this process dies, queries go astray", n),
		fmt.Sprintf("run on the node: %[1]s-save -t %[2]s | grep -vE ' (%[3]s) .*%[4]s' | %[1]s-restore -w -T %[2]s",
			t.tool, foreignTable, strings.Join(about, "|"), skipComment)}
}
