package wire

import "encoding/binary"

// Status says what the front does with a message that came in as a query.
type Status uint8

// What Parse found. All but Valid and Drop are answered with AppendReply and Status.Rcode;
// CookieOnly with a cookie in Options, and BADCOOKIE where the one received is not good.
const (
	Valid      Status = iota // to be answered
	Drop                     // never answered: no whole header, or itself a response (RFC 1035, section 7.3)
	FormErr                  // the header was read, what follows is malformed
	NotImp                   // an opcode other than QUERY; nothing behind the header was read
	BadVers                  // an EDNS version that we do not know (RFC 6891, section 6.1.3)
	CookieOnly               // no question, but an OPT record with a cookie (RFC 7873, section 5.4)
)

// Rcode returns the response code that a Status is answered with.
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

// Query is a view of a query, filled by Parse. One filled by hand describes a query for
// AppendQuery or a cache.
type Query struct {
	ID     uint16
	Opcode Opcode
	RD     bool
	AD     bool // the asker understands AD in the reply (RFC 6840, section 5.7)
	CD     bool
	Name   Name // as asked, letter case and all; nil where the question was not whole
	Type   Type
	Class  Class
	EDNS   bool // the query has an OPT record, which OPT describes
	OPT
}

// Parse fills q from msg, which it neither copies nor changes: q.Name and q.Cookie are
// views of it. Whatever the Status but Drop, q serves to reply: what could be read is in it.
//
// A message must have one question (RFC 9619), whose name is not compressed, or none and a
// cookie, and well-formed records behind it; the first OPT among them must be the only one, in the additional section
// and owned by the root (RFC 6891, section 6.1.1). What other records say is ignored. So are
// bytes behind the last record: they have no meaning, and today's servers ignore them too.
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

// readNoQuestion reads what is behind the header where there is no question.
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

// readQuestion fills Name, Type and Class from the question behind the header. No name
// stands before it that it could be compressed with.
func (q *Query) readQuestion(msg []byte) (off int, ok bool) {
	for off = HeaderLen; off < len(msg) && off-HeaderLen < MaxName; {
		length := int(msg[off])
		off += 1 + length
		if length > MaxLabel || off+4 > len(msg) {
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

// readRecords looks for the OPT record among all others.
func (q *Query) readRecords(msg []byte, off int) Status {
	w := walkFrom(msg, off)
	for w.Next() {
		if w.Type != OPTRR {
			continue
		}
		if q.EDNS || w.Section != Additional || msg[w.Owner] != 0 {
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

// Asked reports whether the question of msg is q's: one question, its name the same but for
// case, its type and class the same.
func (q *Query) Asked(msg []byte) bool {
	end := HeaderLen + len(q.Name)
	return len(msg) >= end+4 &&
		binary.BigEndian.Uint16(msg[questionCount:]) == 1 &&
		q.Name.Equal(msg[HeaderLen:end]) &&
		Type(binary.BigEndian.Uint16(msg[end:])) == q.Type &&
		Class(binary.BigEndian.Uint16(msg[end+2:])) == q.Class
}

// Matches reports whether msg is a response to q: its ID, opcode and question are q's (RFC
// 5452, section 9.1). A server that could not read the query may leave the question out of
// an error.
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
