package nft

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

// legacyTable is the table raw of ip_tables, or of ip6_tables. iptables-legacy writes it.
type legacyTable struct {
	tool   string // iptables-legacy or ip6tables-legacy
	family int    // AF_INET
	level  int    // SOL_IP
	next   int    // the offset of next_offset in struct ipt_entry: the length of the entry
}

// legacyTables returns the tables that exist. It doesn't ask the kernel for one that may not
// exist: the kernel would load its module. As with sockets, the calling thread's network namespace
// counts.
func legacyTables() (found []legacyTable) {
	for _, t := range []struct {
		names string
		legacyTable
	}{
		{"/proc/thread-self/net/ip_tables_names", legacyTable{"iptables-legacy", unix.AF_INET, unix.SOL_IP, 90}},
		{"/proc/thread-self/net/ip6_tables_names", legacyTable{"ip6tables-legacy", unix.AF_INET6, unix.SOL_IPV6, 142}},
	} {
		names, err := os.ReadFile(t.names)
		if err == nil && strings.Contains("\n"+string(names), "\n"+foreignTable+"\n") {
			found = append(found, t.legacyTable)
		}
	}
	return found
}

// has reports whether an address is of the table's family.
func (t legacyTable) has(a netip.Addr) bool { return a.Is4() == (t.family == unix.AF_INET) }

// count returns how many rules with skipComment are about addrs.
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

// skips reports whether a struct ipt_entry has skipComment and is about one of addrs. The entry
// begins with the source address and the destination address of the packets that it matches.
func (t legacyTable) skips(entry []byte, addrs []netip.Addr) bool {
	if !bytes.Contains(entry, []byte(skipComment+"\x00")) {
		return false
	}
	for _, a := range addrs {
		if s := a.AsSlice(); t.has(a) && (bytes.HasPrefix(entry, s) || bytes.HasPrefix(entry[len(s):], s)) {
			return true
		}
	}
	return false
}

// Socket options of linux/netfilter_ipv4/ip_tables.h. IPv6 has the same.
const (
	getInfo    = 64 // IPT_SO_GET_INFO
	getEntries = 65 // IPT_SO_GET_ENTRIES
)

// tableInfo is struct ipt_getinfo.
type tableInfo struct {
	name    [32]byte
	_       [1 + 5 + 5]uint32
	_, size uint32
}

const (
	entriesHead = 40       // bytes of struct ipt_get_entries before its rules: the name, the size, padding
	entriesMost = 64 << 20 // bytes
	entriesTry  = 10       // times, while others change the rules
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
	if err := getsockopt(fd, t.level, getInfo, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return nil, err
	}
	if info.size > entriesMost {
		return nil, fmt.Errorf("%d bytes of rules are too many to look at", info.size)
	}
	all := make([]byte, entriesHead+int(info.size))
	copy(all, info.name[:])
	binary.NativeEndian.PutUint32(all[len(info.name):], info.size)
	err := getsockopt(fd, t.level, getEntries, unsafe.Pointer(&all[0]), uintptr(len(all)))
	return all[entriesHead:], err
}

// getsockopt is the system call, for any structure.
func getsockopt(fd, level, option int, value unsafe.Pointer, size uintptr) error {
	length := uint32(size)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(value), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// delete deletes nothing. It returns a legacyError as long as there are rules.
func (t legacyTable) delete(addrs []netip.Addr) error {
	n, err := t.count(addrs)
	if n == 0 {
		return err
	}
	var about []string
	for _, a := range addrs {
		if t.has(a) {
			about = append(about, fmt.Sprintf("%s/%d", a, a.BitLen()))
		}
	}
	return &legacyError{n, fmt.Sprintf("run on the node: %[1]s-save -t %[2]s | grep -vE ' (%[3]s) .*%[4]s' | %[1]s-restore -w -T %[2]s",
		t.tool, foreignTable, strings.Join(about, "|"), skipComment)}
}

// legacyError says that there are rules that only commands delete.
type legacyError struct {
	rules  int
	remedy string
}

func (e *legacyError) Error() string {
	return fmt.Sprintf("%d are of ip_tables, which no netlink message removes; if this process dies, queries go astray", e.rules)
}

// Remedy returns the commands, for a shell on the node.
func (e *legacyError) Remedy() string { return e.remedy }
