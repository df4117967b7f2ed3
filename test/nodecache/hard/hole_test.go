package hard

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// hole is a TCP port that answers nothing, not even that it is closed: the kernel drops what
// asks for a connection while the queue of those that were not accepted is full, listen(2).
type hole struct {
	fd     int
	queued []net.Conn
}

// newHole digs a hole.
func newHole(addr netip.AddrPort) (*hole, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	h := &hole{fd: fd}
	if err = h.open(addr); err == nil {
		err = h.fill(addr)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *hole) open(addr netip.AddrPort) error {
	if err := unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := unix.Bind(h.fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return err
	}
	return unix.Listen(h.fd, 0)
}

// fill fills the queue.
func (h *hole) fill(addr netip.AddrPort) error {
	d := net.Dialer{Timeout: 300 * time.Millisecond}
	for range 8 {
		c, err := d.Dial("tcp", addr.String())
		if os.IsTimeout(err) {
			return nil
		}
		if err != nil {
			return err
		}
		h.queued = append(h.queued, c)
	}
	return errors.New("the queue does not fill")
}

// close closes what a hole has, if there is one.
func (h *hole) close() {
	if h == nil {
		return
	}
	_ = unix.Close(h.fd)
	for _, c := range h.queued {
		_ = c.Close()
	}
}

// vanish has f say nothing more, on connections or to who asks for one, as if its packets
// were dropped. Only stop ends that.
func (f *fake) vanish() {
	f.does(silent)
	f.mu.Lock()
	l := f.tcp
	f.mu.Unlock()
	_ = l.Close()
	h, err := newHole(f.addr)
	if err != nil {
		f.t.Errorf("black hole: %v", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hole = h
}
