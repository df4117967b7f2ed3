package listen

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below return at once, so they skip the scheduler (RawSyscall): no other
// goroutine would gain from the thread's P meanwhile. At a few thousand queries a second
// that decides the cost. An ordinary Syscall wakes the runtime's monitor thread, which then
// looks around every 20 us for a while: 55 us of CPU a query at 5,000 a second were seen, also
// with threads that block in recvmmsg, and 16 this way.
//
// Every pointer leads to memory on the heap that its owner keeps.

// mmsghdr is one datagram of a batch, recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32 // octets received or sent
}

// recvmmsg receives what is queued, up to len(msgs) datagrams.
func recvmmsg(fd int, msgs []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(msgs))), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// sendmmsg sends msgs up to the first that the kernel does not take.
func sendmmsg(fd int, msgs []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(msgs))), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func sendmsg(fd int, msg *unix.Msghdr) syscall.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(msg)), unix.MSG_DONTWAIT)
	return errno
}

func read(fd int, buf []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
	return int(n), errno
}

// write sends what the socket takes of buf, without the signal SIGPIPE.
func write(fd int, buf []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// accept takes one connection and says who made it.
func accept(fd int, sa *sockaddr) (int, syscall.Errno) {
	sa.len = sockaddrRoom
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&sa.len)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(n), errno
}

// unsent returns how many octets the kernel keeps of what a connection sent: SK_MEMINFO_WMEM_QUEUED
// and SK_MEMINFO_FWD_ALLOC of SO_MEMINFO, or nothing before Linux 4.12.
func unsent(fd int) int {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if info[5] == 0 {
		return 0
	}
	return int(info[4] + info[5])
}

// reset has what was sent and not taken dropped when fd is closed, and the client told so (RST).
// Else the kernel would keep it, as ours, for minutes.
func reset(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

func closeFD(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func shutdown(fd, how int) { unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0) }

// epollWait returns what is ready now. arm64 has epoll_pwait only.
func epollWait(fd int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// epollCtl adds, changes or removes what the epoll set watches fd for.
func epollCtl(epfd, op, fd int, event *unix.EpollEvent) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(event)), 0, 0)
	return errno
}
