package wire

import "encoding/binary"

// Status says what to do with a message that came in as a query.
type Status uint8

// What Parse found. Valid is for a server to answer, and Drop gets no reply. AppendReply with
// Status.Rcode answers the others. The reply to CookieOnly needs a cookie in its Options, and the
// code BADCOOKIE if the cookie received is not good.
const (
	Valid      Status = iota // a whole query
	Drop                     // never answered: no whole header, or itself a response (RFC 1035, section 7.3)
	FormErr                  // malformed behind the header
	NotImp                   // an opcode other than QUERY; nothing behind the header was read
	BadVers                  // an EDNS version that we do not know (RFC 6891, section 6.1.3)
	CookieOnly               // no question, but an OPT record with a cookie (RFC 7873, section 5.4)
)

// Rcode returns the response code that answers a Status.
func (s Status) Rcode() Rcode {
	switch s {
	case Valid, CookieOnly:
		return NoError
	case NotImp:
		return NotImpl
	case BadVers:
		return BadVer
	}
	return FormError
}

// Query is a view of a query, as Parse fills it. Filled by hand, it describes a query to
// AppendQuery or to a cache.
type Query struct {
	ID     uint16
	Opcode Opcode
	RD     bool
	AD     bool // the client understands AD in the reply (RFC 6840, section 5.7)
	CD     bool
	Name   Name // with the letter case of the query; nil if the question was not whole
	Type   Type
	Class  Class
	More   bool // the query has records beside the OPT record, such as a signature
	EDNS   bool // the query has an OPT record, which OPT describes
	OPT
}

// Parse fills q from msg. It neither copies nor changes msg: q.Name and q.Cookie are views of
// it. Unless the Status is Drop, q can be replied to: it holds whatever could be read.
//
// A message must have one question (RFC 9619) whose name is not compressed, or no question and
// a cookie. Its records must be well-formed. There may be one OPT record, in the additional
// section and owned by the root (RFC 6891, section 6.1.1). Parse ignores the content of other
// records. It also ignores bytes behind the last record: they mean nothing, and other servers
// ignore them too.
func (q *Query) Parse(msg []byte) Status {
	*q = Query{OPT: OPT{UDPSize: MinUDPSize}}
	if len(msg) < HeaderLen {
		return Drop
	}
	flags := Message(msg).Flags()
	if flags&QR != 0 {
		return Drop
	}
	q.ID = binary.BigEndian.Uint16(msg)
	q.Opcode = Opcode(flags & opcodeBits >> opcodeShift)
	q.RD, q.AD, q.CD = flags&RD != 0, flags&AD != 0, flags&CD != 0
	if q.Opcode != OpcodeQuery {
		return NotImp
	}
	switch binary.BigEndian.Uint16(msg[questionCount:]) {
	case 0:
		return q.readNoQuestion(msg)
	case 1:
		if off, ok := q.readQuestion(msg); ok {
			return q.readRecords(msg, off)
		}
	}
	return FormErr
}

// readNoQuestion reads a message without a question from behind the header.
func (q *Query) readNoQuestion(msg []byte) Status {
	status := q.readRecords(msg, HeaderLen)
	switch {
	case status == Valid && q.Cookie != nil:
		return CookieOnly
	case status == Valid:
		return FormErr
	}
	return status
}

// readQuestion fills Name, Type and Class from the question behind the header. The name must
// not be compressed, as there is no earlier name to point to.
func (q *Query) readQuestion(msg []byte) (off int, ok bool) {
	for off = HeaderLen; off < len(msg) && off-HeaderLen < MaxName; {
		length := int(msg[off])
		off += 1 + length
		if length > maxLabel || off+4 > len(msg) {
			return 0, false
		}
		if length == 0 {
			q.Name = Name(msg[HeaderLen:off:off])
			q.Type = Type(binary.BigEndian.Uint16(msg[off:]))
			q.Class = Class(binary.BigEndian.Uint16(msg[off+2:]))
			return off + 4, true
		}
	}
	return 0, false
}

// readRecords checks all records, and reads the OPT record.
func (q *Query) readRecords(msg []byte, off int) Status {
	w := walkFrom(msg, off)
	for w.Next() {
		if w.Type != OPTRR {
			q.More = true
			continue
		}
		if q.EDNS || w.Section != Additional || msg[w.owner] != 0 {
			return FormErr
		}
		q.EDNS = true
		if !q.OPT.read(msg, &w.Record) {
			return FormErr
		}
	}
	switch {
	case !w.OK():
		return FormErr
	case q.Version > 0:
		return BadVers
	}
	return Valid
}

// flags returns the flags of a query with q's RD, AD and CD.
func (q *Query) flags() (f Flags) {
	if q.RD {
		f |= RD
	}
	if q.AD {
		f |= AD
	}
	if q.CD {
		f |= CD
	}
	return f
}

// Asked reports whether msg asks the question of q and nothing else. Letter case does not
// count.
func (q *Query) Asked(msg []byte) bool {
	end := HeaderLen + len(q.Name)
	return len(msg) >= end+4 &&
		binary.BigEndian.Uint16(msg[questionCount:]) == 1 &&
		q.Name.Equal(msg[HeaderLen:end]) &&
		Type(binary.BigEndian.Uint16(msg[end:])) == q.Type &&
		Class(binary.BigEndian.Uint16(msg[end+2:])) == q.Class
}

// Matches reports whether msg is a response to q, with the same ID, opcode and question (RFC
// 5452, section 9.1). An error may lack the question, because its server may not have been able
// to read the query.
func (q *Query) Matches(msg []byte) bool {
	if len(msg) < HeaderLen || binary.BigEndian.Uint16(msg) != q.ID {
		return false
	}
	flags := Message(msg).Flags()
	if flags&QR == 0 || flags&opcodeBits != 0 {
		return false
	}
	if binary.BigEndian.Uint16(msg[questionCount:]) == 0 {
		switch Rcode(flags & rcodeBits) {
		case FormError, ServFail, NotImpl, Refused:
			return true
		}
		return false
	}
	return q.Asked(msg)
}
