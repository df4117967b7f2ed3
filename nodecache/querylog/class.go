package querylog

import (
	"encoding/binary"
	"fmt"

	"github.com/neardns/neardns/internal/wire"
)

// Class is a set of kinds of reply, as the option `class` names them.
type Class uint8

// The classes of CoreDNS (its plugin/pkg/response).
const (
	Success Class = 1 << iota // NOERROR, a referral too
	Denial                    // NXDOMAIN, or NOERROR with nothing but an SOA record
	Error                     // all else: other codes, no reply at all, NXDOMAIN at the end of an alias, transfers

	All = Success | Denial | Error
)

// ParseClass returns the class of a name.
func ParseClass(name string) (Class, error) {
	switch name {
	case "all":
		return All, nil
	case "success":
		return Success, nil
	case "denial":
		return Denial, nil
	case "error":
		return Error, nil
	}
	return 0, fmt.Errorf("class %q: must be all, success, denial or error", name)
}

// ClassOf returns the one class of the reply to q, which is empty if none was sent. It is
// CoreDNS's but for signatures: that they have expired is not looked at.
func ClassOf(q *wire.Query, reply []byte) Class {
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
