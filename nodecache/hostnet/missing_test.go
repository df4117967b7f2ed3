package hostnet

import (
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ownMounts gives a child a mount namespace of its own, which hideTUN needs.
func ownMounts() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
}

// hideTUN covers /dev/net with an empty file system that can't be written.
func hideTUN() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("none", "/dev/net", "tmpfs", unix.MS_RDONLY, "")
}

// hideNetfilter makes socket(2) fail for NETLINK_NETFILTER, as in a kernel without it, by seccomp(2).
func hideNetfilter() error {
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS // from struct seccomp_data
		jump = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // nr
		{Code: jump, K: unix.SYS_SOCKET, Jf: 5},
		{Code: load, K: 16}, // args[0]
		{Code: jump, K: unix.AF_NETLINK, Jf: 3},
		{Code: load, K: 32}, // args[2]
		{Code: jump, K: unix.NETLINK_NETFILTER, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// ownNetwork gives a child a network namespace of its own.
func ownNetwork() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
}

// powerless gives a child no capability over our network namespace: it has them all, but in a
// user namespace of its own.
func powerless() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
}

// dummyKind returns the kind of the tests' dummy devices: "dummy", or, if the kernel has none, "ifb",
// another Ethernet device with nothing behind it.
func dummyKind() string {
	if exec.Command("ip", "link", "add", "try", "type", "dummy").Run() != nil {
		return "ifb"
	}
	exec.Command("ip", "link", "del", "try").Run()
	return "dummy"
}
