package wire

// table remembers where names begin in a message being written, so that later ones can
// point there (RFC 1035, section 4.1.4). It is a hash table of offsets, 0 for none, of a
// fixed size: once a place and its neighbours are taken, a name is written out in full.
type table [256]uint16

// Limits of a table.
const (
	farthest = 0x3FFF // the last offset that a pointer can name
	probes   = 8      // neighbours that are looked at
)

// append writes n, as a pointer from the label on that is known, if it may be compressed, and
// learns the rest of its labels. The message begins at dst[start].
func (t *table) append(dst []byte, start int, n Name, compress bool) []byte {
	var buf [MaxName / 2]uint8 // where the labels of n begin
	starts, hash, at := n.starts(buf[:0]), uint32(0), uint16(0)
	for len(starts) > 0 { // a name is known only if its parent is
		label := starts[len(starts)-1]
		h := foldHash(hash, n[label:])
		found := t.find(dst[start:], h, n[label:])
		if found == 0 {
			break
		}
		hash, at, starts = h, found, starts[:len(starts)-1]
	}
	begin := len(dst) - start
	for i := len(starts) - 1; i >= 0; i-- {
		hash = foldHash(hash, n[starts[i]:])
		t.add(hash, begin+int(starts[i]))
	}
	if at == 0 || !compress {
		return append(dst, n...)
	}
	known := len(n.after(starts))
	dst = append(dst, n[:len(n)-known]...)
	return append(dst, pointerBits|byte(at>>8), byte(at))
}

// after returns what of n stands behind the labels at starts.
func (n Name) after(starts []uint8) Name {
	if len(starts) == 0 {
		return n
	}
	return n[starts[len(starts)-1]:].Parent()
}

// starts appends where n's labels begin.
func (n Name) starts(dst []uint8) []uint8 {
	for off := 0; off < len(n) && n[off] != 0; off += 1 + int(n[off]) {
		dst = append(dst, uint8(off))
	}
	return dst
}

// learn adds the uncompressed name at off of msg and its parents.
func (t *table) learn(msg []byte, off int) {
	var buf [MaxName / 2]uint8
	n, hash := Name(msg[off:]), uint32(0)
	starts := n.starts(buf[:0])
	for i := len(starts) - 1; i >= 0; i-- {
		hash = foldHash(hash, n[starts[i]:])
		t.add(hash, off+int(starts[i]))
	}
}

// foldHash adds the first label of n to the hash of its parent.
func foldHash(h uint32, n Name) uint32 {
	for _, c := range n[:1+int(n[0])] {
		h = (h ^ uint32(lower1(c))) * 16777619 // FNV-1a
	}
	return h
}

// find returns where n stands in msg, or 0.
func (t *table) find(msg []byte, hash uint32, n Name) uint16 {
	for i := range uint32(probes) {
		off := t[uint8(hash+i)]
		if off == 0 {
			return 0
		}
		if EqualAt(msg, int(off), n) {
			return off
		}
	}
	return 0
}

func (t *table) add(hash uint32, off int) {
	if off > farthest {
		return
	}
	for i := range uint32(probes) {
		if p := &t[uint8(hash+i)]; *p == 0 {
			*p = uint16(off)
			return
		}
	}
}
