package hostnet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoPath says that there is no TUN to send a probe's packets through.
var ErrNoPath = errors.New("no TUN device: a probe can't take the way of a pod's packet")

// firstPort is the least of the ports that probes come from, RFC 6335, section 6. Each comes
// from a random one, so that nobody else can tell where its answer goes to, and so that, of
// sockets that share a port, another is reached each time.
const firstPort = 49152

// Probe sends query over UDP to one of the addresses as a packet that comes in by our own TUN,
// and returns the answer, which is the caller's. The packet passes the host's firewall at
// prerouting and input, and the answer at output, as a pod's do, but for the device's name and
// the source address. It is never tracked and never intercepted, so that it reaches the
// sockets of this node before Intercept and after Release, too.
//
// The kernel delivers it on the calling thread's CPU before Probe goes on: of sockets that
// differ in SO_INCOMING_CPU, a thread tied to a CPU reaches that CPU's. An answer may be
// another process's, which shares the port. It ends with ctx, or with syscall.ECONNREFUSED
// when an ICMP error comes back. A program with raw sockets may send what looks like either:
// what does not come from the port asked to that of the question, with the ID of the question
// (RFC 5452, section 9.1), and what does not quote the very packet, is passed over.
func (h *Host) Probe(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	const head = 8 // ports, length, checksum, RFC 768
	c, err := h.dial(ctx, unix.IPPROTO_UDP, to)
	if err != nil {
		return nil, err
	}
	defer c.close()
	segment := make([]byte, head, head+len(query))
	c.ports(segment)
	binary.BigEndian.PutUint16(segment[4:], uint16(head+len(query)))
	if err := c.send(append(segment, query...), 6); err != nil {
		return nil, err
	}
	for {
		segment, err = c.receive()
		if err != nil {
			return nil, err
		}
		if answer := segment[head:]; len(answer) >= 2 && bytes.HasPrefix(query, answer[:2]) {
			return answer, nil
		}
	}
}

// conversation is a probe's, of packets that it writes to the TUN and reads there.
type conversation struct {
	flow
	host *Host
	tun  *os.File
	ctx  context.Context
	stop func()     // forgets ctx
	sent [8]byte    // what the last segment began with: as much as an ICMP error is sure to quote
	buf  [2048]byte // more than the device's MTU
}

// dial readies a conversation. There is one at a time.
func (h *Host) dial(ctx context.Context, protocol byte, to netip.AddrPort) (*conversation, error) {
	h.probing.Lock()
	c := &conversation{host: h, ctx: ctx}
	tun, from, err := h.path(to.Addr())
	if err != nil {
		h.probing.Unlock()
		return nil, err
	}
	port := uint16(firstPort + rand.N(1<<16-firstPort)) // #nosec G115 G404 -- in the range; seeded by the kernel
	c.tun, c.flow = tun, flow{protocol, netip.AddrPortFrom(from, port), to}
	tun.SetReadDeadline(time.Time{})
	if err := c.drain(); err != nil {
		h.probing.Unlock()
		return nil, err
	}
	c.stop = afterFunc(ctx, func() { tun.SetReadDeadline(time.Unix(1, 0)) })
	return c, nil
}

// queueTUN is how many packets wait in a TUN at the most, TUN_READQ_SIZE of the kernel's tun.c.
const queueTUN = 500

// drain throws away what lies in the TUN: late answers, and what someone else has sent there. A
// queue that is full would have no room for the answer.
func (c *conversation) drain() error {
	raw, err := c.tun.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		for range queueTUN {
			if _, err := unix.Read(int(fd), c.buf[:]); err != nil {
				break
			}
		}
		return true
	})
}

// afterFunc calls f when ctx ends, unless stop is called before. When stop returns, f does not
// run any more.
func afterFunc(ctx context.Context, f func()) (stop func()) {
	done := make(chan struct{})
	forget := context.AfterFunc(ctx, func() { defer close(done); f() })
	return func() {
		if !forget() {
			<-done
		}
	}
}

func (c *conversation) close() {
	c.stop()
	c.host.probing.Unlock()
}

// path returns the TUN and the address in it to ask to from.
func (h *Host) path(to netip.Addr) (*os.File, netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device == nil || h.device.tun == nil {
		return nil, netip.Addr{}, ErrNoPath
	}
	for _, a := range h.device.sources {
		if a.Is4() == to.Is4() {
			return h.device.tun, a, nil
		}
	}
	return nil, netip.Addr{}, fmt.Errorf("probe of %s: no address of its family is ours", to)
}

// ports writes the ports that a segment begins with.
func (c *conversation) ports(segment []byte) {
	binary.BigEndian.PutUint16(segment, c.from.Port())
	binary.BigEndian.PutUint16(segment[2:], c.to.Port())
}

// send writes a packet. Its checksum lies at an offset of segment.
func (c *conversation) send(segment []byte, checksum int) error {
	p := c.packet(segment, checksum)
	copy(c.sent[:], p[len(p)-len(segment):])
	_, err := c.tun.Write(p)
	return err
}

// receive returns the next segment that is for us. It is good until the next call.
func (c *conversation) receive() ([]byte, error) {
	for {
		n, err := c.tun.Read(c.buf[:])
		if err != nil && c.ctx.Err() != nil {
			return nil, fmt.Errorf("probe of %s: %w", c.to, context.Cause(c.ctx))
		}
		if err != nil {
			return nil, fmt.Errorf("probe of %s: %w", c.to, err)
		}
		if segment, ok := c.reverse().segment(c.buf[:n]); ok {
			return segment, nil
		}
		if quote, ok := c.refused(c.buf[:n]); ok && bytes.HasPrefix(quote, c.sent[:]) {
			return nil, fmt.Errorf("probe of %s: %w", c.to, unix.ECONNREFUSED)
		}
	}
}
