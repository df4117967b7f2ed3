package resolve

import (
	"strconv"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/hosts"
)

// Names that are answered here. They would be constants if the language had constant slices.
var (
	localhost = wire.Name("\x09localhost\x00")
	invalid   = wire.Name("\x07invalid\x00")

	versionBind   = wire.Name("\x07version\x04bind\x00")
	versionServer = wire.Name("\x07version\x06server\x00")
	hostnameBind  = wire.Name("\x08hostname\x04bind\x00")
	idServer      = wire.Name("\x02id\x06server\x00")

	instances = wire.Name("\x08instance\x09nodecache\x00")
)

// InstanceName returns the name that a process asks for, in class CHAOS and with type TXT, to learn
// whether it answers itself. The answer is the number of the reader that received the query; see
// listen.Client. ID is the process's Config.Instance, of 63 bytes at most. Nobody else knows it, so
// nobody else gets an answer.
func InstanceName(id string) wire.Name {
	return append(appendString(nil, id), instances...)
}

// localAnswer answers q if neither the cache nor upstream is needed.
func (q *query) localAnswer(dst []byte) (reply []byte, source tally.Source, ok bool) {
	b := q.route.Block
	if q.Type == wire.HINFO && q.r.loops.seen(q.Name) {
		return q.code(dst, wire.NXDomain, wire.Error{}), tally.Server, true
	}
	if q.Type == wire.AAAA && belowAny(q.Name, b.IPv4Only) {
		return q.code(dst, wire.NoError, whyIPv4Only), tally.Template, true
	}
	var state hosts.State
	if b.Hosts != nil {
		if reply, state = q.hosts(dst, b.Hosts); state == hosts.Answered {
			return reply, tally.Hosts, true
		}
	}
	switch { // the hosts file's answers come before those below, its SERVFAIL after them
	case q.Name.Below(localhost) && !q.route.Zone.Below(localhost):
		return q.localhost(dst), tally.Server, true
	case q.Name.Below(invalid) && !q.route.Zone.Below(invalid):
		return q.invalid(dst), tally.Server, true
	case state == hosts.Absent:
		return q.code(dst, wire.ServFail, whyNoHost), tally.Hosts, true
	}
	return dst, tally.Server, false
}

// hosts answers from the hosts file. It returns hosts.Answered if it did, hosts.Absent if nobody else
// may answer either, and hosts.Elsewhere if others may.
func (q *query) hosts(dst []byte, h *Hosts) (reply []byte, state hosts.State) {
	start := len(dst)
	reply, state = h.Table().Append(dst, &q.Query, h.TTL)
	through := belowAny(q.Name, h.Through)
	q.inHosts = state == hosts.Unsupported
	switch {
	case state == hosts.Answered || state == hosts.Unsupported && !(through && h.Unsupported):
		return q.finish(reply, start, wire.Error{}), hosts.Answered
	case state == hosts.Absent && !through:
		return dst, hosts.Absent
	}
	return dst, hosts.Elsewhere
}

// localhost answers with the loopback addresses (RFC 6761, section 6.3).
func (q *query) localhost(dst []byte) []byte {
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
	return q.finish(dst, start, wire.Error{})
}

// invalid denies the name (RFC 6761, section 6.4).
func (q *query) invalid(dst []byte) []byte {
	start := len(dst)
	dst = appendSOA(wire.AppendHeader(dst, &q.Query, wire.NXDomain, wire.RA), start, invalid)
	return q.finish(dst, start, whyInvalid)
}

// appendSOA appends an SOA record that lets a client keep a denial for an hour (RFC 2308, section 5).
func appendSOA(dst []byte, start int, zone wire.Name) []byte {
	const (
		names = "\x09localhost\x00" + "\x06nobody\x07invalid\x00"
		times = "\x00\x00\x00\x01" + "\x00\x00\x0e\x10" + "\x00\x00\x04\xb0" + "\x00\x09\x3a\x80" + "\x00\x00\x0e\x10"
	)
	return wire.AppendRecord(dst, start, wire.Authority, zone, wire.SOA, wire.IN, 3600, []byte(names+times))
}

// chaos says who answers (RFC 4892, section 2). It names the node only if Config.ID has a name for it.
func (q *query) chaos(dst []byte) []byte {
	text := ""
	switch n := q.Name; {
	case q.Type != wire.TXT && q.Type != wire.ANY:
	case n.Equal(versionBind) || n.Equal(versionServer):
		text = q.r.Version
	case n.Equal(idServer) || n.Equal(hostnameBind):
		text = q.r.ID
	case n.Equal(q.r.instance):
		text = strconv.Itoa(q.client.Reader)
	}
	if text == "" {
		return q.code(dst, wire.Refused, wire.Error{})
	}
	var buf [maxString + 1]byte
	data := appendString(buf[:0], text)
	start := len(dst)
	dst = wire.AppendHeader(dst, &q.Query, wire.NoError, wire.RA)
	dst = wire.AppendRecord(dst, start, wire.Answer, nil, wire.TXT, wire.CH, 0, data)
	return q.finish(dst, start, wire.Error{})
}

// maxString is how long a character-string may be, in bytes (RFC 1035, section 3.3).
const maxString = 255

// appendString appends text as a character-string. Text that is too long is cut off.
func appendString(dst []byte, text string) []byte {
	text = text[:min(len(text), maxString)]
	return append(append(dst, byte(len(text))), text...)
}
