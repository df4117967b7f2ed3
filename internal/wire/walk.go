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
	Owner   int    // where the owner's name begins
	Data    int    // where the data begins
	End     int    // the end of the data, and of the record
}

// TTLOffset returns where the four bytes of the record's TTL begin.
func (r *Record) TTLOffset() int { return r.Data - 6 }

// read fills r from the record at off, apart from its section.
func (r *Record) read(msg []byte, off int) bool {
	fixed, ok := SkipName(msg, off)
	if !ok || fixed+fixedLen > len(msg) {
		return false
	}
	b := msg[fixed : fixed+fixedLen]
	r.Type = Type(binary.BigEndian.Uint16(b))
	r.Class = Class(binary.BigEndian.Uint16(b[2:]))
	r.TTL = binary.BigEndian.Uint32(b[4:])
	r.Owner, r.Data = off, fixed+fixedLen
	r.End = r.Data + int(binary.BigEndian.Uint16(b[8:]))
	return r.End <= len(msg)
}

// Walker goes through the records of a message, first to last:
//
//	for w := Walk(msg); w.Next(); {
//		... w.Record
//	}
//
// and, where it matters whether the walk came to the end, w.OK() after it.
type Walker struct {
	Record
	msg  []byte
	left [3]uint16 // records to come, by section
	bad  bool
}

// Walk returns a Walker before the first record of msg.
func Walk(msg []byte) (w Walker) {
	off, ok := skipQuestions(msg)
	if !ok {
		w.bad = true
		return w
	}
	return walkFrom(msg, off)
}

// walkFrom returns a Walker of a msg whose question section ends at off.
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
		if off, ok = SkipName(msg, off); !ok || off+4 > len(msg) {
			return 0, false
		}
		off += 4
	}
	return off, true
}

// Next moves to the next record. It reports false behind the last, and at one that is not whole.
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

// OK reports whether every record so far was whole. Bytes behind the last record are not
// looked at.
func (w *Walker) OK() bool { return !w.bad }
