package querylog

import (
	"net/netip"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Entry is one query and what became of it. It holds no memory of others but Source.
type Entry struct {
	Time   time.Time // when the query came
	Took   time.Duration
	Remote netip.AddrPort
	Local  netip.AddrPort
	TCP    bool
	Source string // where the reply came from: cache, forward, hosts, ...; a constant

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

// SetQuery takes what is logged of a query of size bytes.
func (e *Entry) SetQuery(q *wire.Query, size int) {
	e.id, e.opcode, e.qtype, e.class = q.ID, q.Opcode, q.Type, q.Class
	e.do, e.udpSize, e.querySize = q.DO, q.UDPSize, size
	e.nameLen = uint8(copy(e.name[:], q.Name))
}

// SetReply takes what is logged of a whole reply, as it is sent. An empty one is none.
func (e *Entry) SetReply(reply []byte) {
	m := wire.Message(reply)
	e.flags, e.rcode, e.replySize = m.Flags(), m.Rcode(), len(reply)
}
