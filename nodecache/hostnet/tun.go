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

// openTUN makes a TUN device, see the kernel's networking/tuntap.rst. The device goes when the file
// closes, for whatever reason. A read from the file returns one packet that was sent to the device,
// with no header before it; a packet that is written to the file comes in by the device. The kernel
// replaces a "%d" in the name by a number, and made is that name.
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
	// Only now: the runtime's poller learns nothing from a file that has no device yet.
	return os.NewFile(uintptr(fd), tunPath), req.Name(), nil
}

// openClone opens tunPath. A container often lacks the file but may use the device: 10:200, see the
// kernel's admin-guide/devices.txt. Then openClone makes the file.
func openClone() (int, error) {
	const flags = unix.O_RDWR | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Open(tunPath, flags, 0)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	_ = os.MkdirAll(filepath.Dir(tunPath), 0o755) // if it fails, so does Mknod
	if unix.Mknod(tunPath, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))) != nil {
		return fd, err
	}
	fd, err = unix.Open(tunPath, flags, 0)
	if err != nil {
		os.Remove(tunPath)
	}
	return fd, err
}
