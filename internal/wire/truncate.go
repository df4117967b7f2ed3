package wire

// cut is how far a message is kept: up to end, with so many records in each section.
type cut struct {
	end   int
	count [3]uint16
}

// Truncate shortens m to size bytes for UDP and returns what is left. The additional section
// goes first, silently, as nobody needs it (RFC 2181, section 9). If that is not enough, TC is
// set and whole answer records are kept as far as they fit: a resolver asks again over TCP,
// and the small ones that never do have something to use. Question and OPT stay (RFC 6891,
// section 7). What is behind a malformed record is given up as well.
func (m Message) Truncate(size int) Message {
	if len(m) <= size || len(m) < HeaderLen {
		return m
	}
	var partial, whole cut // of the answer section; with the authority section
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
	size -= opt.End - opt.Owner
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

// CloseReply ends the reply to q that begins at dst[start]: it is cut to size bytes, OPT
// included, and gets its OPT record as AppendOPT writes it, with the options o, which may be
// nil, as far as there is room. Over UDP the size is q.UDPSize or less, over TCP MaxMessage.
func CloseReply(dst []byte, start, size int, q *Query, o *Options) []byte {
	m := Message(dst[start:])
	switch {
	case !q.EDNS:
		return dst[:start+len(m.Truncate(size))]
	case len(m)+o.Len() <= size:
		return AppendOPT(dst, start, q, o)
	case size < MaxMessage:
		o = m.dropReason(o)
	case m.fits(size) && !m.fits(size-optLen):
		return dst[:start+len(m.Truncate(size))]
	default: // TC over TCP says to ask what was asked
		o = nil
	}
	m = m.Truncate(size - o.Len())
	return AppendOPT(dst[:start+len(m)], start, q, o)
}

// dropReason returns o without its extended error, which goes before any record does, and says
// so in the message (RFC 8914, section 3).
func (m Message) dropReason(o *Options) *Options {
	if o == nil || !o.Error.Set {
		return o
	}
	m.SetFlags(TC, 0)
	return &Options{Cookie: o.Cookie, Keepalive: o.Keepalive, Timed: o.Timed, Timeout: o.Timeout}
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

// keep returns m up to c, with the record opt, which stands behind that, moved there.
func (m Message) keep(c cut, opt *Record) Message {
	end := c.end + copy(m[c.end:], m[opt.Owner:opt.End])
	if end > c.end {
		c.count[Additional] = 1
	}
	for s, n := range c.count {
		m.setWord(answerCount+2*s, n)
	}
	return m[:end]
}
