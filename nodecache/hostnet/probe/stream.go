package probe

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Flags of a TCP header, RFC 9293, section 3.1.
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagPSH = 0x08
	flagACK = 0x10
)

// Of a TCP header, in bytes.
const (
	headerTCP   = 20 // without options
	checksumTCP = 16 // the offset
)

// windowTCP is the largest window without an option, more than any answer to a probe.
const windowTCP = 0xffff

// stream is our end of a TCP connection, as far as one query needs it.
type stream struct {
	*conversation
	seq uint32 // SND.NXT: of what we send next
	ack uint32 // RCV.NXT: of what we expect next
}

// received is a segment that has come.
type received struct {
	seq, ack uint32
	flags    byte
	data     []byte
}

// connect shakes hands, RFC 9293, section 3.5. Our SYN has no options, so we get segments of 536
// bytes, or of 1220 over IPv6 (section 3.7.1). The kernel takes segments of any size. A segment
// that doesn't acknowledge our SYN is forged, or late (section 3.10.7.3).
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
			return s.failed(unix.ECONNREFUSED)
		case got.flags&flagSYN != 0:
			s.ack = got.seq + 1
			return s.send(flagACK, nil)
		}
	}
}

// message returns the next DNS message. A segment that doesn't continue where the last one ended
// is forged, or comes a second time, whatever its flags (RFC 5961, section 3.2).
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
			return nil, s.failed(unix.ECONNREFUSED)
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
		header := int(segment[12]>>4) * 4
		if header < headerTCP || header > len(segment) {
			continue
		}
		return received{binary.BigEndian.Uint32(segment[4:]), binary.BigEndian.Uint32(segment[8:]), segment[13], segment[header:]}, nil
	}
}

// send sends a segment with data, and counts the data.
func (s *stream) send(flags byte, data []byte) error {
	segment := make([]byte, headerTCP, headerTCP+len(data))
	s.putPorts(segment)
	binary.BigEndian.PutUint32(segment[4:], s.seq)
	if flags&flagACK != 0 {
		binary.BigEndian.PutUint32(segment[8:], s.ack)
	}
	segment[12], segment[13] = headerTCP/4<<4, flags
	binary.BigEndian.PutUint16(segment[14:], windowTCP)
	s.seq += uint32(len(data))
	return s.conversation.send(append(segment, data...), checksumTCP)
}
