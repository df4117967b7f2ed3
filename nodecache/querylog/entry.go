package querylog

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Entry is one query and its reply. It shares no memory with others except Source.
type Entry struct {
	Time   time.Time // when the query came
	Took   time.Duration
	Remote netip.AddrPort
	Local  netip.AddrPort
	TCP    bool
	Source string // where the reply came from: cache, forward, hosts, ..., or nothing for the server itself

	id        uint16
	opcode    wire.Opcode
	qtype     wire.Type
	class     wire.Class
	do        bool
	udpSize   uint16
	querySize int
	nameLen   uint8
	name      [wire.MaxName]byte

	flags     wire.Flags
	rcode     wire.Rcode
	replySize int // 0 for no reply
}

// SetQuery copies what is logged of a query of size bytes.
func (e *Entry) SetQuery(q *wire.Query, size int) {
	e.id, e.opcode, e.qtype, e.class = q.ID, q.Opcode, q.Type, q.Class
	e.do, e.udpSize, e.querySize = q.DO, q.UDPSize, size
	e.nameLen = uint8(copy(e.name[:], q.Name))
}

// SetReply copies what is logged of a reply, as it is sent. An empty reply means that none is sent.
func (e *Entry) SetReply(reply []byte) {
	m := wire.Message(reply)
	e.flags, e.rcode, e.replySize = m.Flags(), m.Rcode(), len(reply)
}

// record returns the attributes of e as text.
func (e *Entry) record() slog.Record {
	r := slog.NewRecord(e.Time, slog.LevelInfo, "query", 0)
	r.AddAttrs(
		slog.String("client_ip", e.Remote.Addr().Unmap().String()),
		slog.Int("client_port", int(e.Remote.Port())),
		slog.String("local_ip", e.Local.Addr().Unmap().String()),
		slog.String("protocol", e.protocol()),
		slog.String("qname", e.qname()),
		slog.String("qtype", e.qtype.String()),
		slog.String("qclass", e.class.String()),
		slog.Int("id", int(e.id)),
		slog.Int("opcode", int(e.opcode)),
		slog.Int("request_size", e.querySize),
		slog.Bool("dnssec_ok", e.do),
		slog.Int("bufsize", e.bufsize()),
	)
	if e.replySize > 0 {
		r.AddAttrs(
			slog.String("rcode", e.rcode.String()),
			slog.String("flags", string(appendFlags(nil, e.flags))),
		)
	} else { // no reply is not NOERROR
		r.AddAttrs(slog.Any("rcode", nil))
	}
	r.AddAttrs(
		slog.Int("response_size", e.replySize),
		slog.Float64("duration_seconds", e.Took.Seconds()),
		slog.String("source", e.Source),
	)
	return r
}

func (e *Entry) protocol() string {
	if e.TCP {
		return "tcp"
	}
	return "udp"
}

// qname returns the name in lower case. A query without a question has the root.
func (e *Entry) qname() string {
	if e.nameLen == 0 {
		return "."
	}
	var buf [wire.MaxName]byte
	return wire.Name(wire.Name(e.name[:e.nameLen]).AppendLower(buf[:0])).String()
}

// bufsize returns how many bytes of reply the client accepts.
func (e *Entry) bufsize() int {
	if e.TCP {
		return wire.MaxMessage
	}
	return int(e.udpSize)
}

// appendFlags appends the names of the bits that are set, in the order of the header.
func appendFlags(dst []byte, flags wire.Flags) []byte {
	start := len(dst)
	for _, bit := range [...]struct {
		mask wire.Flags
		name string
	}{
		{wire.QR, "qr"}, {wire.AA, "aa"}, {wire.TC, "tc"}, {wire.RD, "rd"},
		{wire.RA, "ra"}, {wire.Z, "z"}, {wire.AD, "ad"}, {wire.CD, "cd"},
	} {
		if flags&bit.mask == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, bit.name...)
	}
	return dst
}
