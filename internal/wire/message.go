package wire

import "encoding/binary"

// Message is a whole DNS message, seen as something to read and change in place. Methods
// take any bytes: a message without a whole header reads as zeros and is not changed.
type Message []byte

func (m Message) word(off int) uint16 {
	if len(m) < HeaderLen {
		return 0
	}
	return binary.BigEndian.Uint16(m[off:])
}

func (m Message) setWord(off int, w uint16) {
	if len(m) >= HeaderLen {
		binary.BigEndian.PutUint16(m[off:], w)
	}
}

// ID returns the message's ID.
func (m Message) ID() uint16 { return m.word(0) }

// SetID changes the message's ID.
func (m Message) SetID(id uint16) { m.setWord(0, id) }

// Flags returns the header's second word.
func (m Message) Flags() Flags { return Flags(m.word(2)) }

// SetFlags sets the bits of on and clears those of off in the header's second word.
func (m Message) SetFlags(on, off Flags) { m.setWord(2, uint16(m.Flags()&^off|on)) }

// Truncated reports whether TC is set.
func (m Message) Truncated() bool { return m.Flags()&TC != 0 }

// Rcode returns the response code, with the upper bits from an OPT record.
func (m Message) Rcode() Rcode {
	o, _ := m.OPT()
	return Rcode(o.Extended)<<4 | Rcode(m.Flags()&rcodeBits)
}

// HeaderRcode returns what of the response code stands in the header, which is all of it up
// to 15. It does not look at the records.
func (m Message) HeaderRcode() Rcode { return Rcode(m.Flags() & rcodeBits) }

// Answers returns how many records the answer section has.
func (m Message) Answers() int { return int(m.word(answerCount)) }

// Question returns the question, its name a view of m, and false if there is not exactly
// one that is whole and not compressed.
func (m Message) Question() (name Name, t Type, c Class, ok bool) {
	var q Query
	if m.word(questionCount) != 1 {
		return nil, 0, 0, false
	}
	_, ok = q.readQuestion(m)
	return q.Name, q.Type, q.Class, ok
}

// OPT returns what the message's first OPT record says, its cookie a view of m, and whether
// there is one. Options from the first malformed one on are left out.
func (m Message) OPT() (o OPT, ok bool) {
	for w := Walk(m); w.Next(); {
		if w.Type == OPTRR && w.Section == Additional {
			o.read(m, &w.Record)
			return o, true
		}
	}
	return o, false
}

// FinishReply makes a response of an upstream ours: q's ID, RD, CD and letter case, RA set,
// and AD left only to who asked for it (RFC 6840, section 5.8). Records are not touched.
func (m Message) FinishReply(q *Query) {
	m.SetID(q.ID)
	off := RD | CD | Z | opcodeBits
	if !q.AD && !q.DO {
		off |= AD
	}
	m.SetFlags(QR|RA|q.flags()&(RD|CD), off)
	m.CopyCase(q.Name)
}
