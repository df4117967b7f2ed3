package wire

import "encoding/binary"

// Repack appends a clean copy of the response msg to dst. The copy compresses every name that
// may be compressed, and writes out all others. It leaves out OPT and TSIG, which are about one
// hop, and bytes behind the last record. Compression matters because many servers compress
// nothing over TCP, and such an answer would not fit into a UDP reply. Records keep their order.
// The data of unknown types keeps its bytes (RFC 3597).
//
// Repack returns dst unchanged, and false, in three cases: msg does not have exactly one
// question, a record is malformed (a name or data runs over its end, an A is not four bytes
// long), or the response code needs bits of the OPT record.
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

// questionOf returns the ID and the question of msg as a Query.
func questionOf(msg []byte) (q Query, ok bool) {
	q.ID = Message(msg).ID()
	q.Name, q.Type, q.Class, ok = Message(msg).Question()
	return q, ok
}

// packer writes a message with compressed names.
type packer struct {
	dst   []byte
	start int // where the message begins in dst
	names table
}

// open writes the header and the question.
func (p *packer) open(q *Query, flags Flags) {
	p.dst = appendHeader(p.dst, q, flags)
	p.names.learn(p.dst[p.start:], HeaderLen)
}

// copy copies a record of msg, unless the record is about one hop.
func (p *packer) copy(msg []byte, r *Record) bool {
	if r.oneHop(msg) {
		return r.Type != OPTRR || r.TTL>>24 == 0 // no upper bits of the response code
	}
	return p.record(msg, r)
}

// record copies a record of msg and counts it.
func (p *packer) record(msg []byte, r *Record) bool {
	if !p.name(msg, r.owner, r.Data-fixedLen, true) {
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

// data copies a record's data, and packs the names in it.
func (p *packer) data(msg []byte, r *Record) bool {
	s := shapeOf(r.Type, msg[r.Data:r.End])
	at := r.Data + s.before
	if at > r.End {
		return false
	}
	p.dst = append(p.dst, msg[r.Data:at]...)
	for left := s.names; left > 0 || s.names == toEnd && at < r.End; left-- {
		next, ok := skipName(msg, at)
		if !ok || next > r.End || !p.name(msg, at, next, s.compress) {
			return false
		}
		at = next
	}
	p.dst = append(p.dst, msg[at:r.End]...)
	return r.dataOK() && (s.after == open || s.names == 0 || r.End-at == s.after)
}

// name copies the name between off and end of msg, compressed if compress says so. It returns
// false if there is no good name, and if the message gets too long: a name of two bytes can grow
// to more than a hundred times its length.
func (p *packer) name(msg []byte, off, end int, compress bool) bool {
	if compress && end-off == 2 && msg[off] == pointerBits && msg[off+1] == HeaderLen {
		p.dst = append(p.dst, pointerBits, HeaderLen) // the question, which stands where it stood
		return true
	}
	var buf [MaxName]byte
	n, _, ok := AppendName(buf[:0], msg, off)
	if ok {
		p.dst = p.names.append(p.dst, p.start, n, compress)
	}
	return ok && len(p.dst)-p.start <= MaxMessage
}

// TakeFew shortens the answer to ANY that begins at dst[start] to one set of records, as RFC
// 8482, section 4.1, allows. It keeps the alias if there is one, because an alias says more than
// any other record, or else the first set; and the signatures of that set. It also keeps the
// proof that a wildcard stands for the name (RFC 4035, section 3.1.3.3). Other records of the
// authority section and additional records go. A denial or a malformed answer does not change.
func TakeFew(dst []byte, start int) []byte {
	m := Message(dst[start:])
	if m.Rcode() != NoError || m.Answers() < 2 {
		return dst
	}
	q, ok := questionOf(m)
	few := fewOf(m)
	p := packer{dst: dst, start: len(dst)}
	if ok {
		p.open(&q, m.Flags())
	}
	w := Walk(m)
	for ok && w.Next() {
		if few.has(m, &w.Record) {
			ok = p.record(m, &w.Record)
		}
	}
	if !ok || !w.OK() || len(p.dst)-p.start > len(m) {
		return dst
	}
	return dst[:start+copy(dst[start:], p.dst[p.start:])]
}

// few is the type of the records that stay in an answer.
type few Type

// fewOf chooses the type: CNAME if there is one, or else the type of the first record that is not
// about other records, or else the type of the first record.
func fewOf(m Message) (f few) {
	for w := Walk(m); w.Next() && w.Section == Answer; {
		switch {
		case w.Type == CNAME:
			return few(CNAME)
		case f == 0 || Type(f).signs() && !w.Type.signs():
			f = few(w.Type)
		}
	}
	return f
}

// has reports whether the record r of m stays.
func (f few) has(m Message, r *Record) bool {
	about := r.about(m)
	switch r.Section {
	case Answer:
		made := Type(f) == CNAME && about == DNAME // the alias may be made of it (RFC 6672)
		return r.Type == Type(f) || about == Type(f) || made
	case Authority:
		return about == NSEC || about == NSEC3
	}
	return false
}
