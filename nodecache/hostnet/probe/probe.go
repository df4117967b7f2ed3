package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Path is the way that probes take. One probe at a time may be on it.
type Path struct {
	TUN  *os.File   // of the device: each read and each write is one IP packet
	From netip.Addr // that the node routes into the TUN, and that it does not have itself
}

// firstPort is the first of the ports that probes come from, RFC 6335, section 6. Each comes from a
// random port. Nobody else can tell where its answer goes, and of sockets that share a port, each
// probe reaches another.
const firstPort = 49152

// UDP sends query over UDP to an address of Path.From's family and returns the answer, which is
// the caller's.
//
// The kernel delivers the query on the calling thread's CPU before UDP goes on. So among sockets
// that differ in SO_INCOMING_CPU, a thread that is tied to a CPU reaches that CPU's socket. If two
// processes share the port, the answer may come from the other one. UDP ends when ctx does, or with
// syscall.ECONNREFUSED when an ICMP error comes back.
func (p Path) UDP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	const header, checksum, id = 8, 6, 2 // RFC 768: ports, length, checksum; the ID of RFC 1035
	c, err := p.dial(ctx, unix.IPPROTO_UDP, to)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	segment := make([]byte, header, header+len(query))
	c.putPorts(segment)
	binary.BigEndian.PutUint16(segment[4:], uint16(header+len(query)))
	if err := c.send(append(segment, query...), checksum); err != nil {
		return nil, err
	}
	for {
		segment, err = c.receive()
		if err != nil {
			return nil, err
		}
		if answer := segment[header:]; len(answer) >= id && bytes.HasPrefix(query, answer[:id]) {
			return answer, nil
		}
	}
}

// TCP is UDP over TCP: it connects, asks once, and resets the connection. Of listeners that share
// the port, each probe reaches another. Nothing is sent a second time: between us and the kernel,
// a packet is lost only where someone drops it on purpose.
func (p Path) TCP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	c, err := p.dial(ctx, unix.IPPROTO_TCP, to)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	s := &stream{conversation: c, seq: rand.Uint32()}
	if err := s.connect(); err != nil {
		return nil, err
	}
	defer s.send(flagRST, nil)
	// RFC 1035, section 4.2.2: the length comes before the message.
	if err := s.send(flagACK|flagPSH, append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, err
	}
	return s.message()
}

// conversation is the packets of one probe.
type conversation struct {
	flow
	tun  *os.File
	ctx  context.Context
	stop func()     // forgets ctx
	sent [8]byte    // how the last segment began: every ICMP error quotes that much
	buf  [2048]byte // more than the device's MTU
}

// dial begins a conversation, with nothing in the TUN.
func (p Path) dial(ctx context.Context, protocol byte, to netip.AddrPort) (*conversation, error) {
	port := uint16(firstPort + rand.N(1<<16-firstPort))
	c := &conversation{flow: flow{protocol, netip.AddrPortFrom(p.From, port), to}, tun: p.TUN, ctx: ctx}
	c.tun.SetReadDeadline(time.Time{})
	if err := c.drain(); err != nil {
		return nil, c.failed(err)
	}
	c.stop = afterFunc(ctx, func() { c.tun.SetReadDeadline(time.Unix(1, 0)) })
	return c, nil
}

// queueTUN is the most packets that wait in a TUN, TUN_READQ_SIZE of the kernel's tun.c.
const queueTUN = 500

// drain throws away what waits in the TUN: answers that came too late, and what others have sent
// there. A full queue would have no room for the answer.
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

// afterFunc calls f when ctx ends, unless stop is called first. When stop returns, f doesn't run
// any more.
func afterFunc(ctx context.Context, f func()) (stop func()) {
	done := make(chan struct{})
	forget := context.AfterFunc(ctx, func() { defer close(done); f() })
	return func() {
		if !forget() {
			<-done
		}
	}
}

// putPorts writes the ports that a segment begins with.
func (c *conversation) putPorts(segment []byte) {
	binary.BigEndian.PutUint16(segment, c.from.Port())
	binary.BigEndian.PutUint16(segment[2:], c.to.Port())
}

// send writes the packet of a segment, whose checksum lies at an offset.
func (c *conversation) send(segment []byte, checksum int) error {
	p := c.packet(segment, checksum)
	copy(c.sent[:], p[len(p)-len(segment):])
	_, err := c.tun.Write(p)
	return err
}

// receive returns the next segment of the answer. It is valid until the next call.
func (c *conversation) receive() ([]byte, error) {
	for {
		n, err := c.tun.Read(c.buf[:])
		if err != nil && c.ctx.Err() != nil {
			err = context.Cause(c.ctx)
		}
		if err != nil {
			return nil, c.failed(err)
		}
		if segment, ok := c.reverse().segment(c.buf[:n]); ok {
			return segment, nil
		}
		if quote, ok := c.refused(c.buf[:n]); ok && bytes.HasPrefix(quote, c.sent[:]) {
			return nil, c.failed(unix.ECONNREFUSED)
		}
	}
}

// failed says which probe an error is of.
func (c *conversation) failed(err error) error { return fmt.Errorf("probe of %s: %w", c.to, err) }
