package listen

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// acceptMost is how many connections a listener may bring in before others get a turn.
const acceptMost = 16

// exhausted is how long to pause if the kernel has no more to give and there is nothing to give
// back. Without it a listener, which stays ready, would be asked at full speed.
const exhausted = 10 * time.Millisecond

// accept takes the connections that wait at a listener, and reports whether there may be more.
func (t *tcpServer) accept(listener int, local netip.AddrPort) (more bool) {
	for range acceptMost {
		fd, errno := accept(listener, &t.accepted)
		switch errno {
		case 0:
			t.lastAccept = t.now
			t.admit(fd, addrPort(&t.accepted.raw), local)
		case unix.EAGAIN:
			return false
		case unix.EMFILE, unix.ENFILE:
			if !t.makeRoom() {
				time.Sleep(exhausted)
				return false
			}
		case unix.ENOBUFS, unix.ENOMEM:
			time.Sleep(exhausted)
			return false
		}
	}
	return true
}

// makeRoom closes the idlest connections because no descriptors are left. It closes some more than
// the next connections need, for the other work of this process. It returns false if there is no
// connection to close.
func (t *tcpServer) makeRoom() bool {
	open := t.count.open.Load()
	for range min(open, 1+open/16) {
		t.evict(t.idlest())
	}
	return open > 0
}

// admit adds the connection fd. If there are too many, it closes the idlest connection of the same
// client, or of all.
func (t *tcpServer) admit(fd int, remote, local netip.AddrPort) {
	if local.Addr().IsUnspecified() {
		local = localAddr(fd)
	}
	p := t.peers[remote.Addr()]
	if p != nil && p.count >= t.limits.PerClient {
		t.evict(p.idlest())
	}
	if t.limits.Total.conns.Load() >= int64(t.limits.Conns) && t.count.open.Load() > 0 {
		t.evict(t.idlest())
	}
	if p = t.peers[remote.Addr()]; p == nil {
		p = &peer{queue: queue{kind: byPeer}}
		t.peers[remote.Addr()] = p
	}
	c := &conn{server: t, fd: fd, remote: remote, local: local, peer: p, events: unix.EPOLLIN}
	c.mark = int32(t.count.accepted.Add(1))
	for len(t.conns) <= fd {
		t.conns = append(t.conns, nil)
	}
	t.conns[fd] = c
	p.count++
	t.count.open.Add(1)
	t.limits.Total.conns.Add(1)
	t.move(c, &t.quiet)
	if t.poll.add(fd, c.mark, c.events) != 0 {
		t.closeConn(c)
	}
}

// idlest returns the connection to close first. There must be one.
func (t *tcpServer) idlest() *conn {
	for _, q := range [...]*queue{&t.finished, &t.quiet} {
		if c := q.idlest(); c != nil {
			return c
		}
	}
	return t.stalled()
}

// stalled returns the connection that has stalled longest with half a message or unsent answers,
// or nil.
func (t *tcpServer) stalled() *conn {
	a, b := t.half.first, t.untaken.first
	if a == nil || b != nil && b.since < a.since {
		return b
	}
	return a
}

// expireMost is how many connections of a queue expire before others get a turn.
const expireMost = 128

// expire closes the connections that have made no progress for too long, unless it is us that they
// wait for.
func (t *tcpServer) expire() {
	for _, q := range [...]*queue{&t.quiet, &t.half, &t.untaken, &t.finished} {
		for n := 0; n < expireMost && q.first != nil && q.first.since+q.limit <= t.now; n++ {
			t.expireConn(q.first)
		}
	}
}

func (t *tcpServer) expireConn(c *conn) {
	switch {
	case c.finished:
		t.closeConn(c)
	case c.queue != &t.untaken && c.waits():
		t.move(c, c.queue)
	default:
		t.count.expired.Add(1)
		t.closeConn(c)
	}
}

// clear closes connections until we, and the kernel, keep no more than Limits allow.
func (t *tcpServer) clear() {
	for t.crowded() && t.stalled() != nil {
		t.evict(t.hoarder(int64(t.limits.Buffers/len(t.peers)), (*peer).keeps, (*conn).kept))
	}
	if t.overfull() {
		t.look()
	}
	if !t.overfull() {
		return
	}
	unsent, most := &t.limits.Total.unsent, int64(t.limits.Unsent*7/8) // less than the limit, so that the next clear need not look again
	for unsent.Load() > most {
		c := t.hoarder(unsent.Load()/int64(len(t.peers)+1), (*peer).leaves, (*conn).left)
		if c == nil {
			return
		}
		t.evict(c)
	}
}

// hoarder returns the connection to close first while too much is kept, or nil if there is none.
// Its client keeps more than share, as all tells, and the connection keeps its part of that or
// more, as kept tells. Among several it returns the one that has stalled longest.
func (t *tcpServer) hoarder(share int64, all func(*peer) int64, kept func(*conn) int) *conn {
	for _, q := range [...]*queue{&t.half, &t.untaken, &t.quiet, &t.finished} {
		for c := q.first; c != nil; c = c.links[byState].next {
			if n := all(c.peer); n > share && int64(kept(c)*c.peer.count) >= n {
				return c
			}
		}
	}
	return t.stalled() // the clients that keep more have just been answered
}

// look asks the kernel how much it keeps for each connection.
func (t *tcpServer) look() {
	for _, c := range t.conns {
		if c != nil {
			c.look()
		}
	}
}

// crowded reports whether our buffers hold more than Limits.Buffers.
func (t *tcpServer) crowded() bool {
	return t.limits.Total.buffered.Load() > int64(t.limits.Buffers)
}

// overfull reports whether the kernel may keep more than Limits.Unsent.
func (t *tcpServer) overfull() bool {
	return t.limits.Total.unsent.Load() > int64(t.limits.Unsent)
}

// evict closes c to make room.
func (t *tcpServer) evict(c *conn) {
	t.count.evicted.Add(1)
	t.closeConn(c)
}

// closeConn closes c and forgets it. Responders that still refer to it find it closed.
func (t *tcpServer) closeConn(c *conn) {
	c.mu.Lock()
	c.closed = true
	c.buffer(-len(c.out) - len(c.in))
	if len(c.out) > 0 || unsent(c.fd) > 0 {
		reset(c.fd)
	}
	c.setUnsent(0)
	c.in, c.out = nil, nil
	closeFD(c.fd)
	c.tell()
	c.mu.Unlock()
	t.conns[c.fd] = nil
	c.queue.remove(c)
	c.peer.remove(c)
	t.count.open.Add(-1)
	t.limits.Total.conns.Add(-1)
	if c.peer.count--; c.peer.count == 0 {
		delete(t.peers, c.remote.Addr())
	}
}
