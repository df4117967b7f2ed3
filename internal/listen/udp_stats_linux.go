package listen

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// memInfoDrops is the place of SK_MEMINFO_DROPS in what SO_MEMINFO tells (linux/sock_diag.h).
const memInfoDrops = 8

// stats returns the socket's counters, its own and the kernel's.
func (s *udpSocket) stats() UDPStats {
	n := &s.count
	return UDPStats{
		Addr: s.addr, CPU: s.cpu,
		Queries: n.queries.Load(), Answers: n.answers.Load(), Late: n.late.Load(), Batches: n.batches.Load(),
		Unsent: n.unsent.Load(), Overflow: s.overflow(), Shed: n.shed.Load(), Waiting: int(n.waiting.Load()),
	}
}

// overflow asks the kernel how many datagrams it dropped.
func (s *udpSocket) overflow() (drops uint64) {
	var info memInfo
	s.conn.Control(func(fd uintptr) { drops = uint64(info.drops(int(fd))) })
	return drops
}

// memInfo is room for what SO_MEMINFO tells (Linux 4.12).
type memInfo struct {
	values [memInfoDrops + 1]uint32
	size   uint32
}

// drops returns how many datagrams the kernel dropped at fd.
func (m *memInfo) drops(fd int) uint32 {
	m.size = uint32(unsafe.Sizeof(m.values))
	unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&m.values)), uintptr(unsafe.Pointer(&m.size)), 0)
	return m.values[memInfoDrops]
}
