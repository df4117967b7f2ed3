package zone

import (
	"encoding/binary"
	"math/bits"
)

// number is an address as a number.
type number struct{ high, low uint64 }

func numberOf(addr *[16]byte) number {
	return number{binary.BigEndian.Uint64(addr[:8]), binary.BigEndian.Uint64(addr[8:])}
}

func (n number) less(o number) bool { return n.high < o.high || n.high == o.high && n.low < o.low }

// guess guesses which of count numbers n is, if they begin at first and are spread evenly before behind. The
// addresses of Pods are, more or less.
func (n number) guess(first, behind number, count int) int {
	if first.high != behind.high || n.less(first) || !n.less(behind) {
		return count / 2
	}
	high, low := bits.Mul64(n.low-first.low, uint64(count))
	i, _ := bits.Div64(high, low, behind.low-first.low)
	return int(i)
}

// place returns how many of count addresses in ascending order are below another one. It looks at guess
// first and then further and further away, so that a close guess touches little memory.
func place(count, guess int, below func(i int) bool) int {
	low, high := 0, count // the result is one of these, or between
	for i, step := guess, 1; low < high; step *= 2 {
		if below(i) {
			low = i + 1
		} else {
			high = i
		}
		switch {
		case high == count:
			i = min(low+step, count) - 1
		case low == 0:
			i = max(high-step, 0)
		default:
			i = (low + high) / 2
		}
	}
	return low
}
