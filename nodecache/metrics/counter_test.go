package metrics

import "testing"

// TestRising shows that the counts of a counter that starts again at 0 add to those before.
func TestRising(t *testing.T) {
	var r rising
	for _, c := range []struct{ count, want uint64 }{{5, 5}, {7, 7}, {7, 7}, {2, 9}, {3, 10}, {0, 10}, {1, 11}} {
		if r.follow(c.count); r.total != c.want {
			t.Errorf("at %d: %d, want %d", c.count, r.total, c.want)
		}
	}
}
