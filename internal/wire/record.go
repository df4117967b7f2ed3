package wire

import "encoding/binary"

// Section is one of the three sections of a message that hold records.
type Section uint8

// The sections of RFC 1035, section 4.1.
const (
	Answer Section = iota
	Authority
	Additional
)

// fixedLen is the length of a record's type, class, TTL and data length.
const fixedLen = 10

// Record says where one record stands in its message. Offsets count from the message's
// beginning and are within it.
type Record struct {
	Section Section
	Type    Type
	Class   Class
	TTL     uint32 // seconds
	Data    int    // where the data begins
	End     int    // the end of the data, and of the record
	owner   int    // where the owner's name begins
}

// TTLOffset returns where the four bytes of the record's TTL begin.
func (r *Record) TTLOffset() int { return r.Data - 6 }

// read fills r from the record at off, apart from its section.
func (r *Record) read(msg []byte, off int) bool {
	fixed, ok := skipName(msg, off)
	if !ok || fixed+fixedLen > len(msg) {
		return false
	}
	b := msg[fixed : fixed+fixedLen]
	r.Type = Type(binary.BigEndian.Uint16(b))
	r.Class = Class(binary.BigEndian.Uint16(b[2:]))
	r.TTL = binary.BigEndian.Uint32(b[4:])
	r.owner, r.Data = off, fixed+fixedLen
	r.End = r.Data + int(binary.BigEndian.Uint16(b[8:]))
	return r.End <= len(msg)
}

// isAddress reports whether r is an address of the Internet, of the right length.
func (r *Record) isAddress() bool {
	return r.Class == IN && (r.Type == A && r.End-r.Data == 4 || r.Type == AAAA && r.End-r.Data == 16)
}

// about returns the type of the records that a signature covers (RFC 4034, section 3.1.1). For
// any other record it returns the record's own type.
func (r *Record) about(m Message) Type {
	if r.Type == RRSIG && r.End-r.Data >= 2 {
		return Type(m.word(r.Data))
	}
	return r.Type
}

// dataOK reports whether an address has the length that its type demands.
func (r *Record) dataOK() bool {
	switch {
	case r.Class != IN:
		return true
	case r.Type == A:
		return r.End-r.Data == 4
	case r.Type == AAAA:
		return r.End-r.Data == 16
	}
	return true
}

// oneHop reports whether a record is about the message that carries it rather than about the
// zone: OPT, the signature of a whole message (TSIG; SIG(0), RFC 2931, section 3), or a key
// that two hosts agreed on (TKEY, RFC 2930).
func (r *Record) oneHop(msg []byte) bool {
	switch r.Type {
	case OPTRR, TSIG, TKEY:
		return true
	case sig:
		return r.End-r.Data >= 2 && msg[r.Data] == 0 && msg[r.Data+1] == 0 // covers no type
	}
	return false
}

// Walker visits the records of a message from first to last:
//
//	for w := Walk(msg); w.Next(); {
//		... w.Record
//	}
//
// OK tells afterwards whether the walk reached the end.
type Walker struct {
	Record
	msg  []byte
	left [3]uint16 // records to come, by section
	bad  bool
}

// Walk returns a Walker that stands before the first record of msg.
func Walk(msg []byte) (w Walker) {
	off, ok := skipQuestions(msg)
	if !ok {
		w.bad = true
		return w
	}
	return walkFrom(msg, off)
}

// walkFrom returns a Walker for a msg whose question section ends at off.
func walkFrom(msg []byte, off int) (w Walker) {
	w.msg, w.End = msg, off
	for i := range w.left {
		w.left[i] = binary.BigEndian.Uint16(msg[answerCount+2*i:])
	}
	return w
}

// skipQuestions returns the offset behind the question section.
func skipQuestions(msg []byte) (off int, ok bool) {
	if len(msg) < HeaderLen {
		return 0, false
	}
	off = HeaderLen
	for range binary.BigEndian.Uint16(msg[questionCount:]) {
		if off, ok = skipName(msg, off); !ok || off+4 > len(msg) {
			return 0, false
		}
		off += 4
	}
	return off, true
}

// Next moves to the next record. It returns false behind the last record, and at a record that
// is not whole.
func (w *Walker) Next() bool {
	for w.Section < Additional && w.left[w.Section] == 0 {
		w.Section++
	}
	if w.bad || w.left[w.Section] == 0 {
		return false
	}
	w.left[w.Section]--
	end := w.End
	if !w.read(w.msg, end) {
		w.bad, w.End = true, end
	}
	return !w.bad
}

// OK reports whether every record so far was whole. It does not look at bytes behind the last
// record.
func (w *Walker) OK() bool { return !w.bad }
