package zone

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// guesses bounds how many names are tried in a second, whoever asks: clients can send any number of
// wrong names, and each may cost thousands of look-ups.
type guesses struct {
	second, tried atomic.Int64 // the present second in Unix time, and how many names were tried in it
}

// mostGuesses is how many names are tried in a second. They take some 3 ms of CPU time.
const mostGuesses = 100_000

// take takes n guesses of this second.
func (g *guesses) take(n int) bool {
	if now := time.Now().Unix(); g.second.Load() != now {
		g.second.Store(now)
		g.tried.Store(0)
	}
	return g.tried.Load() < mostGuesses && g.tried.Add(int64(n)) <= mostGuesses
}

// alphabet is what names of namespaces and Services are made of (RFC 1123).
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-"

// append appends a name that is near and of which exists says that it is there. Exists must not keep it.
func (g *guesses) append(dst []byte, name string, exists func(string) bool) []byte {
	if len(name) < 3 || len(name) > MaxLabel || !g.take((len(alphabet)+1)*(2*len(name)+1)) {
		return dst
	}
	start := len(dst)
	dst = append(append(dst, name...), 0)
	try := dst[start:]
	n := swapped(try, name, exists)
	if n == 0 {
		n = mistyped(try, name, exists)
	}
	if n == 0 {
		n = shortened(try, name, exists)
	}
	if n == 0 {
		n = lengthened(try, name, exists)
	}
	return dst[:start+n]
}

// view returns the first n bytes of b as a string.
func view(b []byte, n int) string { return unsafe.String(&b[0], n) }

// swapped looks for the name with two neighbours in each other's place. Like those below, it writes the
// name that exists to try, and returns its length, or 0.
func swapped(try []byte, name string, exists func(string) bool) int {
	copy(try, name)
	for i := range len(name) - 1 {
		try[i], try[i+1] = name[i+1], name[i]
		if exists(view(try, len(name))) {
			return len(name)
		}
		try[i], try[i+1] = name[i], name[i+1]
	}
	return 0
}

// mistyped looks for the name with another letter somewhere.
func mistyped(try []byte, name string, exists func(string) bool) int {
	copy(try, name)
	for i := range len(name) {
		if fits(try, i, len(name), exists) {
			return len(name)
		}
		try[i] = name[i]
	}
	return 0
}

// shortened looks for the name without one of its letters.
func shortened(try []byte, name string, exists func(string) bool) int {
	n := copy(try, name[1:])
	for i := range len(name) {
		if exists(view(try, n)) {
			return n
		}
		try[i] = name[i]
	}
	return 0
}

// lengthened looks for the name with one more letter.
func lengthened(try []byte, name string, exists func(string) bool) int {
	n := 1 + copy(try[1:], name)
	for i := range n {
		if fits(try, i, n, exists) {
			return n
		}
		if i < len(name) {
			try[i] = name[i]
		}
	}
	return 0
}

// fits looks for a letter for the place i of a name of n bytes.
func fits(try []byte, i, n int, exists func(string) bool) bool {
	for j := range len(alphabet) {
		if try[i] = alphabet[j]; exists(view(try, n)) {
			return true
		}
	}
	return false
}

// Near reports whether one slip leads from one name to the other; see AppendNearNamespace.
func Near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i+1 >= len(a) {
		return i < len(a)
	}
	return a[i+1:] == b[i+1:] || a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
