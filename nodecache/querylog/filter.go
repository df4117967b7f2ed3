package querylog

import (
	"encoding/binary"

	"github.com/neardns/neardns/internal/wire"
)

// Class is a set of kinds of reply. The option `class` of the `log` directive names them.
type Class uint8

// The classes of CoreDNS (its plugin/pkg/response).
const (
	Success Class = 1 << iota // NOERROR, referrals included
	Denial                    // NXDOMAIN, or NOERROR with nothing but an SOA record
	Error                     // everything else: other codes, no reply, NXDOMAIN at the end of an alias, transfers

	All = Success | Denial | Error
)

// classOf returns the one class of the reply to q. An empty reply means that none was sent. It
// decides as CoreDNS does, except that it does not look for signatures that have expired.
func classOf(q *wire.Query, reply []byte) Class {
	if len(reply) < wire.HeaderLen || q.Opcode != wire.OpcodeQuery || q.Type == wire.AXFR || q.Type == wire.IXFR {
		return Error
	}
	m, answers := wire.Message(reply), binary.BigEndian.Uint16(reply[6:]) > 0
	switch code := m.Rcode(); {
	case code == wire.NoError && !answers && hasSOA(m):
		return Denial
	case code == wire.NoError:
		return Success
	case code == wire.NXDomain && !answers:
		return Denial
	}
	return Error
}

// hasSOA reports whether the authority section has an SOA record.
func hasSOA(m wire.Message) bool {
	for w := wire.Walk(m); w.Next() && w.Section < wire.Additional; {
		if w.Section == wire.Authority && w.Type == wire.SOA {
			return true
		}
	}
	return false
}

// Rule has replies of some classes logged, to queries for Zone and all names below it.
type Rule struct {
	Zone    wire.Name
	Classes Class
}

// Filter says what is logged. The first rule whose zone holds the name decides, as in CoreDNS,
// even if a later rule would log more. The zero Filter logs nothing.
type Filter []Rule

// Pass reports whether q and its reply are logged. An empty reply means that none was sent. A
// query whose question could not be read counts as one for the root.
func (f Filter) Pass(q *wire.Query, reply []byte) bool {
	for i := range f {
		r := &f[i]
		if !r.Zone.IsRoot() && !q.Name.Below(r.Zone) {
			continue
		}
		return r.Classes == All || r.Classes&classOf(q, reply) != 0
	}
	return false
}
