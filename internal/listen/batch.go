package listen

import (
	"net/netip"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many datagrams one system call receives. So many of them soon empty a
	// queue; see fair.go.
	batchSize = 128

	// answersMost is how many answers one system call sends. A larger number gains nothing that
	// can be measured, and the first answer waits for the last.
	answersMost = 32

	// queryRoom is the room for a query, in bytes. DNS servers advertise 1232 (RFC 9715, section
	// 3.1). Of a longer datagram the handler sees the beginning; see Client.Cut.
	queryRoom = 1232

	// answersRoom is the room for the answers that go out together, in bytes. They are sent as
	// soon as less than answerRoom of it is left. An answer longer than that costs its handler an
	// allocation.
	answersRoom = 32 << 10
	answerRoom  = 4096
)

// batch holds the buffers of one recvmmsg, and of the sendmmsg calls with the answers. Elements
// with the same index belong to the same query, or to the same answer.
type batch struct {
	client     Client // of the current query
	socket     *udpSocket
	index      int // of the current query
	ranks      ranks
	queries    [batchSize]mmsghdr
	names      [batchSize]unix.RawSockaddrInet6
	queryIovs  [batchSize]unix.Iovec
	controls   [batchSize]control
	answers    [answersMost]mmsghdr
	answerIovs [answersMost]unix.Iovec
	pending    int // number of answers to send
	used       int // bytes of answerBuf in use
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

// receive fills the batch with datagrams that are queued at fd, and returns their number.
func (b *batch) receive(fd, controlLen int) (int, syscall.Errno) {
	for i := range b.queries {
		hdr := &b.queries[i].hdr
		hdr.Namelen = sockaddrRoom
		hdr.SetControllen(controlLen)
	}
	return recvmmsg(fd, b.queries[:])
}

// begin prepares the batch for queries of s.
func (b *batch) begin(s *udpSocket) {
	b.socket = s
	b.client.Local, b.client.Reader = s.addr, s.reader
	b.client.Leaving, b.client.Received = s.deadline.Load() != nil, time.Now()
}

// isQuery reports whether datagram i may be a query: whether it has content.
func (b *batch) isQuery(i int) bool { return b.queries[i].n > 0 }

// take makes datagram i the current query.
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

// answer adds the answer to datagram i, which usually stands in room. It returns true if the
// answers must be sent before the next one.
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

// send sends the answers and returns how many the kernel took. It skips an answer that the kernel
// refuses, for example to a forged address without a route. If the socket's queue is full, it
// drops the rest: waiting would let one client that is gone hold up all others.
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

// later leaves the current query open, and keeps what its answer needs.
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

// batchPool keeps batches that are not in use. There are at most as many as readers have run at
// the same time, which is about one per CPU.
type batchPool struct {
	mu   sync.Mutex
	free []*batch
}

func (p *batchPool) get() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return newBatch()
	}
	b := p.free[last]
	p.free = p.free[:last]
	return b
}

func (p *batchPool) put(b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
}

// control is room for the one control message that names the address that was asked: IP_PKTINFO
// with an in_pktinfo, or IPV6_PKTINFO with an in6_pktinfo (ip(7), RFC 3542 section 6.2).
type control struct {
	_   [0]uint64 // cmsghdr's alignment
	raw [controlRoom]byte
}

// controlRoom is CMSG_SPACE(sizeof(struct in6_pktinfo)).
const controlRoom = unix.SizeofCmsghdr + (unix.SizeofInet6Pktinfo+7)&^7

// data returns the message's content. It follows the header directly, because the header's length
// is a multiple of 8 where pointers have 8 bytes.
func (c *control) data() unsafe.Pointer { return unsafe.Pointer(&c.raw[unix.SizeofCmsghdr]) }

func (c *control) header() *unix.Cmsghdr { return (*unix.Cmsghdr)(unsafe.Pointer(&c.raw[0])) }

// local returns the address that was asked.
func (c *control) local() netip.Addr {
	if c.header().Level == unix.IPPROTO_IP {
		return netip.AddrFrom4((*unix.Inet4Pktinfo)(c.data()).Spec_dst)
	}
	return netip.AddrFrom16((*unix.Inet6Pktinfo)(c.data()).Addr).Unmap()
}

// turn turns the control message of a query into that of its answer. The address that was asked
// becomes the source, and the route chooses the device. Only a link-local address of IPv6 keeps its
// device.
func (c *control) turn() {
	if c.header().Level == unix.IPPROTO_IP {
		(*unix.Inet4Pktinfo)(c.data()).Ifindex = 0
		return
	}
	info := (*unix.Inet6Pktinfo)(c.data())
	if addr := netip.AddrFrom16(info.Addr); addr.Is4In6() || !addr.IsLinkLocalUnicast() {
		info.Ifindex = 0
	}
}
