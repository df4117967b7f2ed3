package listen

import (
	"errors"
	"net/netip"
	"syscall"
)

// OpError says which step failed, and at which address.
type OpError struct {
	Op      string         // the system call or socket option
	Network string         // "udp" or "tcp"
	Addr    netip.AddrPort // the address to listen on
	Err     error          // usually a syscall.Errno
}

// Error names the address, the cause and, if there is one, the remedy.
func (e *OpError) Error() string {
	return e.Network + " " + e.Addr.String() + ": " + e.Op + ": " + e.Err.Error() + Remedy(e.Err)
}

// Unwrap returns Err.
func (e *OpError) Unwrap() error { return e.Err }

// Remedy returns ": " and what to do about an address that cannot be listened on. It returns "" if
// err does not come from the kernel, or there is nothing to do.
func Remedy(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	switch errno {
	case syscall.EADDRINUSE:
		// Only sockets of one user share a port, and only if all set SO_REUSEPORT, socket(7).
		return ": a process that does not share it, or one of another user, holds the address; stop that process"
	case syscall.EACCES, syscall.EPERM:
		return ": grant the capability NET_BIND_SERVICE, or choose a port above 1023"
	case syscall.EADDRNOTAVAIL:
		return ": no interface has the address; add it first, or allow free binding"
	case syscall.EAFNOSUPPORT:
		return ": the kernel has this address family switched off; leave the address out"
	case syscall.EMFILE, syscall.ENFILE:
		return ": raise the limit of open files"
	}
	return ""
}
