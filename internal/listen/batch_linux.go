package listen

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many datagrams one system call receives. It is that many so that a
	// queue is soon seen to its end, see fair_linux.go.
	batchSize = 128

	// answersMost is how many answers one system call sends. More gain nothing measurable,
	// and the first answer waits for the last.
	answersMost = 32

	// queryRoom is the room for a query, octets. Ours advertise 1232 (RFC 9715, section 3.1);
	// of what is longer the handler sees the beginning, see Client.Cut.
	queryRoom = 1232

	// answersRoom is the room for the answers that are sent together, octets. When less than
	// answerRoom of it is left, they are sent. A longer answer costs its handler an allocation.
	answersRoom = 32 << 10
	answerRoom  = 4096
)

// batch holds the buffers of one recvmmsg and of the sendmmsg calls that answer it. What is
// at an index belongs to one query, or to one answer.
type batch struct {
	client     Client // of the query being answered
	socket     *udpSocket
	index      int    // of the query being answered
	asked      uint64 // queries given to the handler
	ranks      ranks
	queries    [batchSize]mmsghdr
	names      [batchSize]unix.RawSockaddrInet6
	queryIovs  [batchSize]unix.Iovec
	controls   [batchSize]control
	answers    [answersMost]mmsghdr
	answerIovs [answersMost]unix.Iovec
	pending    int // how many of answers are to be sent
	used       int // octets of answerBuf in use
	queryBuf   [batchSize][queryRoom]byte
	answerBuf  [answersRoom]byte
}

func newBatch() *batch {
	b := new(batch)
	b.client.origin = b
	for i := range b.queries {
		b.queryIovs[i].Base = &b.queryBuf[i][0]
		b.queryIovs[i].SetLen(queryRoom)
		hdr := &b.queries[i].hdr
		hdr.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		hdr.Iov = &b.queryIovs[i]
		hdr.SetIovlen(1)
		hdr.Control = &b.controls[i].raw[0]
	}
	for i := range b.answers {
		b.answers[i].hdr.Iov = &b.answerIovs[i]
		b.answers[i].hdr.SetIovlen(1)
	}
	return b
}

// receive fills the batch with datagrams that are queued at fd, and says how many.
func (b *batch) receive(fd, controlLen int) (int, syscall.Errno) {
	for i := range b.queries {
		hdr := &b.queries[i].hdr
		hdr.Namelen = sockaddrRoom
		hdr.SetControllen(controlLen)
	}
	return recvmmsg(fd, b.queries[:])
}

// begin readies the batch for queries of s.
func (b *batch) begin(s *udpSocket) {
	b.socket, b.asked = s, 0
	b.client.Local, b.client.Reader = s.addr, s.reader
	b.client.Leaving = s.deadline.Load() != nil
}

// isQuery reports whether datagram i may be a query: it has content.
func (b *batch) isQuery(i int) bool { return b.queries[i].n > 0 }

// take makes datagram i the one being answered.
func (b *batch) take(i int) (query []byte) {
	b.index = i
	b.client.Remote = addrPort(&b.names[i])
	m := &b.queries[i]
	b.client.Cut = m.hdr.Flags&unix.MSG_TRUNC != 0
	if m.hdr.Controllen > 0 {
		b.client.Local = netip.AddrPortFrom(b.controls[i].local(), b.socket.addr.Port())
	}
	return b.queryBuf[i][:m.n]
}

// room returns an empty slice for the next answer.
func (b *batch) room() []byte { return b.answerBuf[b.used:b.used] }

// answer adds the answer to datagram i, which is usually in room. It returns true if the
// answers should be sent before the next.
func (b *batch) answer(i int, answer []byte) bool {
	k := b.pending
	b.answerIovs[k].Base = unsafe.SliceData(answer)
	b.answerIovs[k].SetLen(len(answer))
	from, to := &b.queries[i].hdr, &b.answers[k].hdr
	to.Name, to.Namelen = from.Name, from.Namelen
	to.Control, to.Controllen = nil, 0
	if from.Controllen > 0 {
		b.controls[i].turn()
		to.Control, to.Controllen = from.Control, from.Controllen
	}
	b.pending++
	b.used += len(answer)
	return b.pending == answersMost || b.used > answersRoom-answerRoom
}

// send sends the answers and says how many the kernel took. One that it refuses, such as
// to a forged address without a route, is skipped. A full queue takes no more: waiting for
// it would let one client that is gone hold up all others.
func (b *batch) send(fd int) (sent int) {
	for done := 0; done < b.pending; {
		n, errno := sendmmsg(fd, b.answers[done:b.pending])
		if errno == unix.EAGAIN {
			break
		}
		if errno != 0 {
			n = 0
			done++
		}
		sent += n
		done += n
	}
	b.pending, b.used = 0, 0
	return sent
}
