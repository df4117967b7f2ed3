package wire

import "encoding/binary"

// Repack appends a clean copy of the response msg to dst: one question, every name
// compressed that may be and every other written out, no OPT, TSIG or bytes behind the last
// record, as these belong to one hop. A server that answers over TCP often compresses
// nothing, and its answer would not fit a UDP reply as it is. Records keep their order, and
// the data of unknown types keeps its bytes (RFC 3597).
//
// It reports false and leaves dst alone where msg has not exactly one question, a record is
// malformed (a name or data that runs over its end, an A that is not four bytes), or the
// response code can't be told without the OPT record.
func Repack(dst, msg []byte) (clean []byte, ok bool) {
	q, ok := questionOf(msg)
	if !ok {
		return dst, false
	}
	p := packer{dst: dst, start: len(dst)}
	p.open(&q, Message(msg).Flags())
	w := Walk(msg)
	for w.Next() {
		if !p.copy(msg, &w.Record) {
			return dst, false
		}
	}
	if !w.OK() || len(p.dst)-p.start > MaxMessage {
		return dst, false
	}
	return p.dst, true
}

func questionOf(msg []byte) (q Query, ok bool) {
	q.ID = Message(msg).ID()
	q.Name, q.Type, q.Class, ok = Message(msg).Question()
	return q, ok
}

// packer writes a message with its names compressed.
type packer struct {
	dst   []byte
	start int // where the message begins in dst
	names table
}

// open writes header and question.
func (p *packer) open(q *Query, flags Flags) {
	p.dst = appendHeader(p.dst, q, flags)
	p.names.learn(p.dst[p.start:], HeaderLen)
}

// copy copies a record of msg unless it belongs to one hop.
func (p *packer) copy(msg []byte, r *Record) bool {
	if r.oneHop(msg) {
		return r.Type != OPTRR || r.TTL>>24 == 0 // the upper bits of the code
	}
	return p.record(msg, r)
}

// record copies a record of msg and counts it.
func (p *packer) record(msg []byte, r *Record) bool {
	if !p.name(msg, r.Owner, r.Data-fixedLen, true) {
		return false
	}
	p.dst = append(p.dst, msg[r.Data-fixedLen:r.Data]...)
	data := len(p.dst)
	if !p.data(msg, r) {
		return false
	}
	binary.BigEndian.PutUint16(p.dst[data-2:], uint16(len(p.dst)-data))
	m := Message(p.dst[p.start:])
	count := answerCount + 2*int(r.Section)
	m.setWord(count, m.word(count)+1)
	return len(p.dst)-data <= MaxMessage
}

// data copies a record's data with the names in it.
func (p *packer) data(msg []byte, r *Record) bool {
	s := shapeOf(r.Type, msg[r.Data:r.End])
	at := r.Data + s.before
	if at > r.End {
		return false
	}
	p.dst = append(p.dst, msg[r.Data:at]...)
	for left := s.names; left > 0 || s.names == toEnd && at < r.End; left-- {
		next, ok := SkipName(msg, at)
		if !ok || next > r.End || !p.name(msg, at, next, s.compress) {
			return false
		}
		at = next
	}
	p.dst = append(p.dst, msg[at:r.End]...)
	return r.dataOK() && (s.after == open || s.names == 0 || r.End-at == s.after)
}

// name copies the name between off and end of msg, compressed if it may be. It reports false
// where there is none, and once the message is too long: names of two bytes each could grow
// to a hundred times their length.
func (p *packer) name(msg []byte, off, end int, compress bool) bool {
	if compress && end-off == 2 && msg[off] == pointerBits && msg[off+1] == HeaderLen {
		p.dst = append(p.dst, pointerBits, HeaderLen) // the question stands where it stood
		return true
	}
	var buf [MaxName]byte
	n, _, ok := AppendName(buf[:0], msg, off)
	if ok {
		p.dst = p.names.append(p.dst, p.start, n, compress)
	}
	return ok && len(p.dst)-p.start <= MaxMessage
}
