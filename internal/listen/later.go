package listen

import (
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// udpLater answers one query from the socket and the address that it was sent to.
type udpLater struct {
	socket  *udpSocket
	sent    atomic.Bool
	name    unix.RawSockaddrInet6
	control control
	iov     unix.Iovec
	msg     unix.Msghdr
}

// Send implements Responder.
func (l *udpLater) Send(answer []byte) {
	if l.sent.Swap(true) {
		return
	}
	if len(answer) > 0 {
		l.send(answer)
	}
	l.socket.count.waiting.Add(-1)
}

func (l *udpLater) send(answer []byte) syscall.Errno {
	l.iov.Base = unsafe.SliceData(answer)
	l.iov.SetLen(len(answer))
	errno := unix.EBADF
	l.socket.conn.Control(func(fd uintptr) { errno = sendmsg(int(fd), &l.msg) })
	l.iov.Base = nil
	if errno != 0 {
		l.socket.count.unsent.Add(1)
	}
	return errno
}

// Part implements Responder.
func (l *udpLater) Part(message []byte) error {
	if l.sent.Load() {
		return net.ErrClosed
	}
	if errno := l.send(message); errno != 0 {
		return errno
	}
	return nil
}

// tcpLater answers one query on the connection that it came from.
type tcpLater struct {
	conn *conn
	sent atomic.Bool
}

// Send implements Responder.
func (l *tcpLater) Send(answer []byte) {
	if !l.sent.Swap(true) {
		l.conn.answerLate(answer)
	}
}

// Part implements Responder.
func (l *tcpLater) Part(message []byte) error {
	if l.sent.Load() {
		return net.ErrClosed
	}
	return l.conn.answerPart(message)
}
