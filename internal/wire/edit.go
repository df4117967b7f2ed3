package wire

import "encoding/binary"

// CopyCase writes name over the question's name, which must be the same but for case, so
// that an asker finds the letters it sent (draft-vixie-dnsext-dns0x20). It reports whether
// it was. Owners of records that point to the question follow.
func (m Message) CopyCase(name Name) bool {
	end := HeaderLen + len(name)
	if len(m) < end || m.word(questionCount) == 0 || !name.Equal(Name(m[HeaderLen:end])) {
		return false
	}
	copy(m[HeaderLen:], name)
	return true
}

// Age takes seconds off every TTL, down to floor: 1 for an answer that is still good, as 0
// would tell the asker not to keep it (RFC 1035, section 3.2.1), and 0 for one that must not
// be kept. It reports whether the message is well-formed; of one that is not, the records
// before the fault are changed.
func (m Message) Age(seconds, floor uint32) bool {
	w := Walk(m)
	for w.Next() {
		if w.Type != OPTRR {
			m.setTTL(&w.Record, aged(w.TTL, seconds, floor))
		}
	}
	return w.OK()
}

// aged takes seconds off ttl, down to floor.
func aged(ttl, seconds, floor uint32) uint32 {
	if ttl <= seconds {
		return floor
	}
	return max(ttl-seconds, floor)
}

// ClampTTLs raises every TTL to low and lowers it to high, in seconds. It reports whether the
// message is well-formed, as Age does. A TTL with its highest bit set is a large number (RFC
// 8767, section 4).
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

// StripOPT returns the message without its OPT record, which speaks of one hop only (RFC
// 6891, section 6.2.1). Additional records behind it go too: their names might be
// compressed with one another. Repack keeps them.
func (m Message) StripOPT() Message {
	n := uint16(0)
	for w := Walk(m); w.Next(); {
		if w.Section != Additional {
			continue
		}
		if w.Type == OPTRR {
			m.setWord(additionalCount, n)
			return m[:w.Owner]
		}
		n++
	}
	return m
}
