package resolve

import (
	"strconv"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/hosts"
)

// Names that are answered here. They are constants in all but the language's eyes.
var (
	localhost = wire.Name("\x09localhost\x00")
	invalid   = wire.Name("\x07invalid\x00")

	versionBind   = wire.Name("\x07version\x04bind\x00")
	versionServer = wire.Name("\x07version\x06server\x00")
	hostnameBind  = wire.Name("\x08hostname\x04bind\x00")
	idServer      = wire.Name("\x02id\x06server\x00")

	instances = wire.Name("\x08instance\x09nodecache\x00")
)

// InstanceName is what a process asks for, in class CHAOS, type TXT, to learn whether it answers
// itself: the answer has the number of the loop that received the query, see listen.Client. id is
// its Config.Instance, 63 octets at most. Nobody else knows it, and so nobody else is told.
func InstanceName(id string) wire.Name {
	return append(appendString(nil, id), instances...)
}

// local answers q where no cache and no upstream is needed.
func (r *Resolver) local(dst []byte, q *query) (reply []byte, source tally.Source, ok bool) {
	b := q.route.Block
	if q.Type == wire.HINFO && r.loops.seen(q.Name) {
		return r.code(dst, q, wire.NXDomain, wire.Error{}), tally.Server, true
	}
	if q.Type == wire.AAAA && belowAny(q.Name, b.IPv4Only) {
		return r.code(dst, q, wire.NoError, wire.Error{}), tally.Template, true
	}
	var state hosts.State
	if b.Hosts != nil {
		if reply, state = r.hosts(dst, q, b.Hosts); state == hosts.Answered {
			return reply, tally.Hosts, true
		}
	}
	switch { // what a hosts file says of these names goes first, but not what it does not say
	case q.Name.Below(localhost) && !q.route.Zone.Below(localhost):
		return r.localhost(dst, q), tally.Server, true
	case q.Name.Below(invalid) && !q.route.Zone.Below(invalid):
		return r.invalid(dst, q), tally.Server, true
	case state == hosts.Absent:
		return r.code(dst, q, wire.ServFail, wire.Error{}), tally.Hosts, true
	}
	return dst, tally.Server, false
}

// hosts answers from the hosts file. It returns hosts.Answered if it did, hosts.Absent if
// nobody else may either, and hosts.Elsewhere.
func (r *Resolver) hosts(dst []byte, q *query, h *Hosts) (reply []byte, state hosts.State) {
	start := len(dst)
	reply, state = h.Table().Append(dst, &q.Query, h.TTL)
	through := belowAny(q.Name, h.Through)
	q.inHosts = state == hosts.Unsupported
	switch {
	case state == hosts.Answered || state == hosts.Unsupported && !(through && h.Unsupported):
		return r.finish(reply, start, q, wire.Error{}), hosts.Answered
	case state == hosts.Absent && !through:
		return dst, hosts.Absent
	}
	return dst, hosts.Elsewhere
}

// localhost answers with the loopback addresses (RFC 6761, section 6.3).
func (r *Resolver) localhost(dst []byte, q *query) []byte {
	const ttl = 86400
	start := len(dst)
	dst = wire.AppendHeader(dst, &q.Query, wire.NoError, wire.RA)
	switch q.Type {
	case wire.A:
		dst = wire.AppendRecord(dst, start, wire.Answer, nil, wire.A, wire.IN, ttl, []byte{127, 0, 0, 1})
	case wire.AAAA:
		dst = wire.AppendRecord(dst, start, wire.Answer, nil, wire.AAAA, wire.IN, ttl, []byte{15: 1})
	default:
		dst = appendSOA(dst, start, localhost)
	}
	return r.finish(dst, start, q, wire.Error{})
}

// invalid denies the name (RFC 6761, section 6.4).
func (r *Resolver) invalid(dst []byte, q *query) []byte {
	start := len(dst)
	dst = appendSOA(wire.AppendHeader(dst, &q.Query, wire.NXDomain, wire.RA), start, invalid)
	return r.finish(dst, start, q, wire.Error{})
}

// appendSOA appends an SOA record that lets a denial be kept for an hour (RFC 2308, section 5).
func appendSOA(dst []byte, start int, zone wire.Name) []byte {
	const (
		names = "\x09localhost\x00" + "\x06nobody\x07invalid\x00"
		times = "\x00\x00\x00\x01" + "\x00\x00\x0e\x10" + "\x00\x00\x04\xb0" + "\x00\x09\x3a\x80" + "\x00\x00\x0e\x10"
	)
	return wire.AppendRecord(dst, start, wire.Authority, zone, wire.SOA, wire.IN, 3600, []byte(names+times))
}

// chaos tells who answers (RFC 4892, section 2), but no name of the node's unless it has one to
// tell.
func (r *Resolver) chaos(dst []byte, q *query) []byte {
	text := ""
	switch n := q.Name; {
	case q.Type != wire.TXT && q.Type != wire.ANY:
	case n.Equal(versionBind) || n.Equal(versionServer):
		text = r.Version
	case n.Equal(idServer) || n.Equal(hostnameBind):
		text = r.ID
	case n.Equal(r.instance):
		text = strconv.Itoa(q.client.Reader)
	}
	if text == "" {
		return r.code(dst, q, wire.Refused, wire.Error{})
	}
	var buf [512]byte
	data := appendString(buf[:0], text)
	start := len(dst)
	dst = wire.AppendHeader(dst, &q.Query, wire.NoError, wire.RA)
	dst = wire.AppendRecord(dst, start, wire.Answer, nil, wire.TXT, wire.CH, 0, data)
	return r.finish(dst, start, q, wire.Error{})
}

// appendString appends a character-string (RFC 1035, section 3.3), cut if it is too long.
func appendString(dst []byte, text string) []byte {
	text = text[:min(len(text), 255)]
	return append(append(dst, byte(len(text))), text...)
}
