package hostnet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// tunPath opens TUN devices.
const tunPath = "/dev/net/tun"

// openTUN makes a TUN device, see the kernel's networking/tuntap.rst. It is gone when the
// file is closed, by whatever closes it. What goes to it is read from the file, one packet at
// a time with nothing before it, and what is written has come in by it. The kernel puts a
// number for the "%d" in name and the name it made is returned.
func openTUN(name string) (file *os.File, made string, err error) {
	fd, err := openClone()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", tunPath, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return nil, "", fmt.Errorf("%s: %w", tunPath, err)
	}
	// Only now, because a poller learns nothing of a file without a device.
	return os.NewFile(uintptr(fd), tunPath), req.Name(), nil
}

// openClone opens tunPath. A container often lacks the name but may have the device: 10:200,
// see the kernel's admin-guide/devices.txt.
func openClone() (int, error) {
	const flags = unix.O_RDWR | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Open(tunPath, flags, 0)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	os.MkdirAll(filepath.Dir(tunPath), 0o755)
	if unix.Mknod(tunPath, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))) != nil {
		return fd, err
	}
	fd, err = unix.Open(tunPath, flags, 0)
	if err != nil {
		os.Remove(tunPath)
	}
	return fd, err
}
