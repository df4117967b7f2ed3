package wire

import "encoding/binary"

// Message is a whole DNS message that is read and changed in place. Its methods take any
// bytes: a message shorter than a header reads as zeros and is never changed.
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

// Rcode returns the response code. Its upper bits come from the OPT record, if there is one.
func (m Message) Rcode() Rcode {
	o, _ := m.OPT()
	return Rcode(o.extended)<<4 | m.HeaderRcode()
}

// HeaderRcode returns the response code without its upper bits, from 0 to 15. It reads the
// header only.
func (m Message) HeaderRcode() Rcode { return Rcode(m.Flags() & rcodeBits) }

// Answers returns the number of records in the answer section.
func (m Message) Answers() int { return int(m.word(answerCount)) }

// Question returns the question; its name is a view of m. It returns false unless m has
// exactly one question that is whole and not compressed.
func (m Message) Question() (name Name, t Type, c Class, ok bool) {
	var q Query
	if m.word(questionCount) != 1 {
		return nil, 0, 0, false
	}
	_, ok = q.readQuestion(m)
	return q.Name, q.Type, q.Class, ok
}

// OPT returns the content of the message's first OPT record, and whether there is one. The
// cookie is a view of m. Options from the first malformed one on are left out.
func (m Message) OPT() (o OPT, ok bool) {
	for w := Walk(m); w.Next(); {
		if w.Type == OPTRR && w.Section == Additional {
			o.read(m, &w.Record)
			return o, true
		}
	}
	return o, false
}

// Error returns the extended error of the message's OPT record. Its text is a view of m.
func (m Message) Error() Error {
	o, _ := m.OPT()
	return o.Error
}

// FinishReply turns the response of an upstream into our reply to q. It writes q's ID, RD, CD
// and letter case, sets RA, and leaves AD only to a client that asked for it (RFC 6840, section
// 5.8). It does not touch the records.
func (m Message) FinishReply(q *Query) {
	m.SetID(q.ID)
	off := RD | CD | Z | opcodeBits
	if !q.AD && !q.DO {
		off |= AD
	}
	m.SetFlags(QR|RA|q.flags()&(RD|CD), off)
	m.copyCase(q.Name)
}

// copyCase writes name over the question's name, so that a client finds the letters that it
// sent (draft-vixie-dnsext-dns0x20). Owners of records that point to the question change with
// it. It changes nothing and returns false unless the two names are equal but for case.
func (m Message) copyCase(name Name) bool {
	end := HeaderLen + len(name)
	if len(m) < end || m.word(questionCount) == 0 || !name.Equal(Name(m[HeaderLen:end])) {
		return false
	}
	copy(m[HeaderLen:], name)
	return true
}

// ClampTTLs raises every TTL to low and lowers it to high, in seconds. A TTL with its highest
// bit set is a large number (RFC 8767, section 4). It reports whether the message is
// well-formed; if it is not, the records before the fault are changed.
func (m Message) ClampTTLs(low, high uint32) bool {
	w := Walk(m)
	for w.Next() {
		if w.Type != OPTRR {
			m.setTTL(&w.Record, min(max(w.TTL, low), high))
		}
	}
	return w.OK()
}

func (m Message) setTTL(r *Record, ttl uint32) {
	binary.BigEndian.PutUint32(m[r.TTLOffset():], ttl)
}

// StripOPT returns the message without its OPT record, which is about one hop only (RFC 6891,
// section 6.2.1). Additional records behind it go too, because their names may point into one
// another. Repack keeps them.
func (m Message) StripOPT() Message {
	n := uint16(0)
	for w := Walk(m); w.Next(); {
		if w.Section != Additional {
			continue
		}
		if w.Type == OPTRR {
			m.setWord(additionalCount, n)
			return m[:w.owner]
		}
		n++
	}
	return m
}
