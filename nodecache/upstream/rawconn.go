package upstream

import (
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawConn is a TCP connection that reads and writes without telling the scheduler (RawSyscall),
// since its socket never blocks. An ordinary system call wakes the runtime's monitor thread, which
// then looks around every 20 us for a while; package listen does the same for the same reason.
// One goroutine may read while another writes.
type rawConn struct {
	*net.TCPConn
	in, out transfer
}

// newRawConn returns tcp as a rawConn, or closes it.
func newRawConn(tcp *net.TCPConn) (net.Conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		tcp.Close()
		return nil, err
	}
	c := &rawConn{TCPConn: tcp}
	c.in.init(raw.Read, unix.SYS_READ)
	c.out.init(raw.Write, unix.SYS_WRITE)
	return c, nil
}

// Read implements net.Conn.
func (c *rawConn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err = c.in.do(b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (c *rawConn) Write(b []byte) (done int, err error) {
	for done < len(b) && err == nil {
		var n int
		n, err = c.out.do(b[done:])
		done += n
	}
	return done, err
}

// transfer is one direction of a rawConn. Its fields are those of the system call under way. If a
// closure captured variables instead, each call would allocate it.
type transfer struct {
	ready func(try func(fd uintptr) bool) error // calls try whenever the socket may be ready, until try returns true
	try   func(fd uintptr) bool
	call  uintptr
	b     []byte
	n     int
	errno syscall.Errno
}

func (t *transfer) init(ready func(func(uintptr) bool) error, call uintptr) {
	t.ready, t.call, t.try = ready, call, t.once
}

// once makes the system call, and reports whether the socket was ready for it.
func (t *transfer) once(fd uintptr) bool {
	for t.errno = unix.EINTR; t.errno == unix.EINTR; {
		var n uintptr
		n, _, t.errno = unix.RawSyscall(t.call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.b))), uintptr(len(t.b)))
		t.n = int(n)
	}
	return t.errno != unix.EAGAIN
}

// do reads into b, or writes from it, as much as the socket has or takes. b must not be empty.
func (t *transfer) do(b []byte) (int, error) {
	t.b = b
	err := t.ready(t.try)
	t.b = nil
	switch {
	case err != nil:
		return 0, err
	case t.errno != 0:
		return 0, t.errno
	}
	return t.n, nil
}
