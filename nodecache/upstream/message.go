package upstream

import (
	"encoding/binary"
	"strings"
)

// RFC 1035 section 4.1.1.
const (
	headerLen  = 12
	maxMessage = 1<<16 - 1
	bitQR      = 0x80 // in byte 2
	bitTC      = 0x02
	bitRD      = 0x01
	bitsOpcode = 0x78
)

func messageID(m []byte) uint16 { return binary.BigEndian.Uint16(m) }

func count(m []byte, section int) int {
	return int(binary.BigEndian.Uint16(m[4+2*section:]))
}

// question returns the one question of m: name, type and class.
func question(m []byte) ([]byte, bool) {
	if len(m) < headerLen || len(m) > maxMessage || count(m, 0) != 1 {
		return nil, false
	}
	end := headerLen
	for end < len(m) && m[end] != 0 {
		if m[end] >= 64 { // no pointer can stand in the first name of a message
			return nil, false
		}
		end += int(m[end]) + 1
	}
	end += 5
	if end > len(m) || end-headerLen > 255+4 {
		return nil, false
	}
	return m[headerLen:end], true
}

// sameQuestion compares two questions, letters of names in either case: some servers fold
// them. The length of a label is below 64 and thus no letter.
func sameQuestion(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	name := len(a) - 4
	for i := range name {
		if a[i] != b[i] && (lower(a[i]) != lower(b[i])) {
			return false
		}
	}
	return string(a[name:]) == string(b[name:])
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// answers reports whether m is a response to query, whose question is asked, by all but the ID.
func answers(m, query, asked []byte) bool {
	if len(m) < headerLen || m[2]&bitQR == 0 || (m[2]^query[2])&bitsOpcode != 0 {
		return false
	}
	if q, ok := question(m); ok {
		return sameQuestion(q, asked)
	}
	return count(m, 0) == 0 && questionless(m[3]&0x0f)
}

// questionless reports whether an answer with this RCODE may come without the question: a
// server that could not or would not read it has none to copy.
func questionless(rcode byte) bool {
	return rcode == 1 || rcode == 2 || rcode == 4 || rcode == 5 // FORMERR, SERVFAIL, NOTIMP, REFUSED
}

// appendAnswer appends m, with the ID of query. One that came without the question is
// cut to its header and given the question.
func appendAnswer(dst, m, query, asked []byte) []byte {
	start := len(dst)
	if count(m, 0) == 1 {
		dst = append(dst, m...)
	} else {
		dst = append(dst, m[:4]...)
		dst = append(dst, 0, 1, 0, 0, 0, 0, 0, 0)
		dst = append(dst, asked...)
	}
	copy(dst[start:], query[:2])
	return dst
}

// appendQuery appends a query for name, in presentation format without escapes. Its ID is 0.
func appendQuery(dst []byte, name string, qtype uint16, recurse bool) ([]byte, bool) {
	flags := byte(0)
	if recurse {
		flags = bitRD
	}
	dst = append(dst, 0, 0, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	start := len(dst)
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if len(label) > 63 || label == "" && strings.Trim(name, ".") != "" {
			return nil, false
		}
		if label != "" {
			dst = append(append(dst, byte(len(label))), label...)
		}
	}
	dst = append(dst, 0)
	if len(dst)-start > 255 {
		return nil, false
	}
	return append(dst, byte(qtype>>8), byte(qtype), 0, 1), true
}
