package listen

import (
	"sync/atomic"
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

// later keeps what a late answer to the current query needs.
func (b *batch) later() Responder {
	from := &b.queries[b.index].hdr
	l := &udpLater{socket: b.socket, name: b.names[b.index]}
	l.msg.Name, l.msg.Namelen = (*byte)(unsafe.Pointer(&l.name)), from.Namelen
	l.msg.Iov = &l.iov
	l.msg.SetIovlen(1)
	if from.Controllen > 0 {
		l.control = b.controls[b.index]
		l.control.turn()
		l.msg.Control, l.msg.Controllen = &l.control.raw[0], from.Controllen
	}
	b.socket.count.waiting.Add(1)
	return l
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

func (l *udpLater) send(answer []byte) {
	l.iov.Base = unsafe.SliceData(answer)
	l.iov.SetLen(len(answer))
	errno := unix.EBADF
	l.socket.conn.Control(func(fd uintptr) { errno = sendmsg(int(fd), &l.msg) })
	l.iov.Base = nil
	count := &l.socket.count
	if errno != 0 {
		count.unsent.Add(1)
		return
	}
	count.answers.Add(1)
	count.late.Add(1)
}
