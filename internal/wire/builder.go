package wire

import "encoding/binary"

// Builder writes a reply record by record, as long as there is room:
//
//	b.Open(...)
//	for each record, in the order of the sections:
//		b.Point(...), or append the owner to b.Buf; b.Fixed(...); append the data to b.Buf; b.End(...)
//	reply = b.Close()
//
// Where a record does not fit, it ends: that record and all behind it are left out, whichever
// section they belong to, and TC is set. This is how CoreDNS cuts an answer (Msg.Truncate of
// miekg/dns), and a client must not see which of two fronts of one server it has met. The node
// cache, which passes on what others wrote, drops additional records first; see truncate.
type Builder struct {
	Buf     []byte // what stood before the message, and what was written of it
	q       *Query
	options *Options
	rcode   Rcode
	start   int // where the message begins
	room    int // where it has to end, without the OPT record
	record  int // where the present record begins
	data    int // where its data begins
	cut     bool
	learned bool // names is of this message
	names   table
}

// Open begins the reply to q behind dst: the header and the question, as AppendHeader writes them.
// The reply will have size bytes at most, of which an OPT record with the options o takes its part if
// q has one. Only an extended error takes none: it gets what the records leave. The query and the
// options must not change until Close.
func (b *Builder) Open(dst []byte, q *Query, rcode Rcode, claims Flags, size int, o *Options) {
	b.q, b.options, b.rcode, b.start = q, o, rcode, len(dst)
	b.cut, b.learned = false, false
	b.Buf = AppendHeader(dst, q, rcode, claims)
	b.record, b.room = len(b.Buf), b.start+size
	if q.EDNS {
		b.room -= o.len()
		if o != nil {
			b.room += o.Error.len()
		}
	}
}

// Offset returns where in the message the next byte will stand.
func (b *Builder) Offset() int { return len(b.Buf) - b.start }

// Point appends a pointer to a name that stands at off of the message. It returns false if no pointer
// reaches so far (RFC 1035, section 4.1.4).
func (b *Builder) Point(off int) bool {
	if off > farthest {
		return false
	}
	b.Buf = append(b.Buf, pointerBits|byte(off>>8), byte(off))
	return true
}

// Compress appends a name, and a pointer in place of what stood in the message before. It knows the
// question and the names that it has appended itself.
func (b *Builder) Compress(n Name) {
	if !b.learned {
		b.names, b.learned = table{}, true
		b.names.learn(b.Buf[b.start:], HeaderLen)
	}
	b.Buf = b.names.append(b.Buf, b.start, n, true)
}

// Fixed appends what stands between a record's owner and its data. The class is IN, the TTL is in
// seconds.
func (b *Builder) Fixed(t Type, ttl uint32) {
	b.Buf = append(b.Buf, byte(t>>8), byte(t), 0, byte(IN), byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), 0, 0)
	b.data = len(b.Buf)
}

// End ends a record of section s. If there is no room for it, End takes it back, and returns false:
// the reply is cut here.
func (b *Builder) End(s Section) bool {
	if b.cut || len(b.Buf) > b.room {
		b.Buf, b.cut = b.Buf[:b.record], true
		return false
	}
	binary.BigEndian.PutUint16(b.Buf[b.data-2:], uint16(len(b.Buf)-b.data))
	count := b.Buf[b.start+answerCount+2*int(s):]
	binary.BigEndian.PutUint16(count, binary.BigEndian.Uint16(count)+1)
	b.record = len(b.Buf)
	return true
}

// Cut reports whether a record was left out.
func (b *Builder) Cut() bool { return b.cut }

// Close ends the reply and returns Buf. Truncated sets TC although all records did fit. An extended
// error without room for all of its text loses the end of it, and without room for its code it is left
// out. TC does not tell of that, although RFC 8914, section 3, would have it: the client would ask again
// over TCP, for nothing but words.
func (b *Builder) Close(truncated bool) []byte {
	if b.cut || truncated {
		Message(b.Buf[b.start:]).SetFlags(TC, 0)
	}
	if o := b.options; o != nil && o.Error.Set {
		fitting := *o
		fitting.Error = o.Error.Within(b.room - len(b.Buf))
		return appendOPT(b.Buf, b.start, b.q, b.rcode, &fitting)
	}
	return appendOPT(b.Buf, b.start, b.q, b.rcode, b.options)
}
