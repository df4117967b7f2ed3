package hostnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ProbeTCP is Probe over TCP: it connects, asks once, and resets the connection. Of listeners
// that share the port, another is reached each time. Nothing is sent twice, because nothing
// between us and the kernel loses packets, unless it means to.
func (h *Host) ProbeTCP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	c, err := h.dial(ctx, unix.IPPROTO_TCP, to)
	if err != nil {
		return nil, err
	}
	defer c.close()
	s := &stream{conversation: c, seq: rand.Uint32()}
	if err := s.connect(); err != nil {
		return nil, err
	}
	defer s.send(flagRST, nil)
	// The length before a message is RFC 1035's, section 4.2.2.
	if err := s.send(flagACK|flagPSH, append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, err
	}
	return s.message()
}

// Flags of a TCP header, RFC 9293, section 3.1.
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagPSH = 0x08
	flagACK = 0x10
)

const (
	headerTCP   = 20
	checksumTCP = 16 // where it lies
	windowTCP   = 0xffff
)

// stream is our end of a connection, as far as one question needs it.
type stream struct {
	*conversation
	seq uint32 // SND.NXT, of what we send next
	ack uint32 // RCV.NXT, of what we expect next
}

// received is a segment that came.
type received struct {
	seq, ack uint32
	flags    byte
	data     []byte
}

// connect shakes hands, RFC 9293, section 3.5. Without an option that says more, we receive
// segments of 536 octets, or of 1220 (section 3.7.1), and the kernel any that we send. What does
// not acknowledge our SYN is forged, or late (section 3.10.7.3).
func (s *stream) connect() error {
	if err := s.send(flagSYN, nil); err != nil {
		return err
	}
	s.seq++
	for {
		got, err := s.next()
		switch {
		case err != nil:
			return err
		case got.flags&flagACK == 0 || got.ack != s.seq:
		case got.flags&flagRST != 0:
			return s.reset()
		case got.flags&flagSYN != 0:
			s.ack = got.seq + 1
			return s.send(flagACK, nil)
		}
	}
}

// reset is the error of a connection that is refused or ended.
func (s *stream) reset() error { return fmt.Errorf("probe of %s: %w", s.to, unix.ECONNREFUSED) }

// message returns the next DNS message. A segment that does not carry on where the last ended is
// forged, or comes again, whatever its flags (RFC 5961, section 3.2).
func (s *stream) message() ([]byte, error) {
	var all []byte
	for {
		if len(all) >= 2 {
			if size := int(binary.BigEndian.Uint16(all)); len(all)-2 >= size {
				return all[2 : 2+size], nil
			}
		}
		got, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case got.seq != s.ack:
			continue
		case got.flags&flagRST != 0:
			return nil, s.reset()
		case len(got.data) == 0:
			continue
		}
		all = append(all, got.data...)
		s.ack += uint32(len(got.data))
		if err := s.send(flagACK, nil); err != nil {
			return nil, err
		}
	}
}

// next returns the next segment of the connection.
func (s *stream) next() (received, error) {
	for {
		segment, err := s.receive()
		if err != nil {
			return received{}, err
		}
		if len(segment) < headerTCP {
			continue
		}
		head := int(segment[12]>>4) * 4
		if head < headerTCP || head > len(segment) {
			continue
		}
		return received{binary.BigEndian.Uint32(segment[4:]), binary.BigEndian.Uint32(segment[8:]), segment[13], segment[head:]}, nil
	}
}

// send sends a segment and counts what is in it.
func (s *stream) send(flags byte, data []byte) error {
	segment := make([]byte, headerTCP, headerTCP+len(data))
	s.ports(segment)
	binary.BigEndian.PutUint32(segment[4:], s.seq)
	if flags&flagACK != 0 {
		binary.BigEndian.PutUint32(segment[8:], s.ack)
	}
	segment[12], segment[13] = headerTCP/4<<4, flags
	binary.BigEndian.PutUint16(segment[14:], windowTCP)
	s.seq += uint32(len(data))
	return s.conversation.send(append(segment, data...), checksumTCP)
}
