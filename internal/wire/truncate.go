package wire

// cut says what is left of a message: its bytes up to end, with count records in each section.
type cut struct {
	end   int
	count [3]uint16
}

// truncate shortens m to size bytes for UDP. The additional section goes first, and silently,
// because nobody needs it (RFC 2181, section 9). If that is not enough, it sets TC and keeps as
// many whole answer records as fit: most clients ask again over TCP, and simple ones that never
// do that have something to use. The question and the OPT record stay (RFC 6891, section 7).
// Everything from a malformed record on goes too.
func (m Message) truncate(size int) Message {
	if len(m) <= size || len(m) < HeaderLen {
		return m
	}
	var partial, whole cut // a part of the answer section; all of it, and the authority section
	var opt Record
	question, ok := skipQuestions(m)
	if !ok {
		return m.header()
	}
	w := Walk(m)
	for w.Next() {
		if w.Type == OPTRR && w.Section == Additional {
			opt = w.Record
		}
	}
	size -= opt.End - opt.owner
	if question > size {
		return m.header()
	}
	partial.end, whole.end = question, question
	for w = Walk(m); w.Next() && w.Section != Additional; {
		whole.count[w.Section]++
		whole.end = w.End
		if w.Section == Answer && w.End <= size {
			partial.count[Answer]++
			partial.end = w.End
		}
	}
	if whole.end > size || !w.OK() {
		m.SetFlags(TC, 0)
		whole = partial
	}
	return m.keep(whole, &opt)
}

// CloseReply ends the reply to q that begins at dst[start]. It truncates the reply to size bytes
// and, if q has an OPT record, appends ours: with our own size, the DO bit of q (RFC 6891,
// section 6.1.4) and, as far as there is room, the options o, which may be nil. Over UDP the size
// is q.UDPSize or less, over TCP it is MaxMessage. An extended error has to do with the room that is left,
// and TC does not tell if it is cut or left out; see Builder.Close.
func CloseReply(dst []byte, start, size int, q *Query, o *Options) []byte {
	m := Message(dst[start:])
	if o != nil && o.Error.Set {
		fitting := *o
		fitting.Error = o.Error.Within(size - len(m) - o.len() + o.Error.len())
		o = &fitting
	}
	switch {
	case !q.EDNS:
		return dst[:start+len(m.truncate(size))]
	case len(m)+o.len() <= size:
		return appendOPT(dst, start, q, NoError, o)
	case size < MaxMessage:
	case m.fits(size) && !m.fits(size-optLen):
		return dst[:start+len(m.truncate(size))]
	default: // TC would tell a client that asked over TCP to ask over TCP
		o = nil
	}
	m = m.truncate(size - o.len())
	return appendOPT(dst[:start+len(m)], start, q, NoError, o)
}

// fits reports whether m has at most size bytes without its additional section.
func (m Message) fits(size int) bool {
	w := Walk(m)
	end := w.End
	for w.Next() && w.Section != Additional {
		end = w.End
	}
	return w.OK() && end <= size
}

// header returns the header alone, with TC set.
func (m Message) header() Message {
	m.SetFlags(TC, 0)
	for off := questionCount; off < HeaderLen; off += 2 {
		m.setWord(off, 0)
	}
	return m[:HeaderLen]
}

// keep returns what c leaves of m, and moves the OPT record from behind it to its end.
func (m Message) keep(c cut, opt *Record) Message {
	end := c.end + copy(m[c.end:], m[opt.owner:opt.End])
	if end > c.end {
		c.count[Additional] = 1
	}
	for s, n := range c.count {
		m.setWord(answerCount+2*s, n)
	}
	return m[:end]
}
