package wire

// TakeFew shortens an answer to ANY that begins at dst[start] to one set of records, as a responder
// may (RFC 8482, section 4.1): the alias if there is one, which says more than all else, or the
// first set, with its signatures. What proves that a wildcard stands for the name stays (RFC 4035,
// section 3.1.3.3); other authorities and additional records go. A denial, and what is
// malformed, stays as it is.
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

// few is the type whose records stay in an answer.
type few Type

// fewOf chooses the type: CNAME, or that of the first record that says nothing of others, or that
// of the first.
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

// signs reports whether records of a type only speak of others.
func (t Type) signs() bool { return t == RRSIG || t == NSEC || t == NSEC3 }

// has reports whether a record of m stays.
func (f few) has(m Message, r *Record) bool {
	about := r.about(m)
	switch r.Section {
	case Answer:
		return r.Type == Type(f) || about == Type(f) || Type(f) == CNAME && about == DNAME // which the alias may be made of (RFC 6672)
	case Authority:
		return about == NSEC || about == NSEC3
	}
	return false
}

// about returns the type of the records that a signature is of (RFC 4034, section 3.1.1), of
// others their own.
func (r *Record) about(m Message) Type {
	if r.Type == RRSIG && r.End-r.Data >= 2 {
		return Type(m.word(r.Data))
	}
	return r.Type
}
