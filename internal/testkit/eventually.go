package testkit

import (
	"testing"
	"time"
)

// Patience is how long Eventually waits: so long that only a hang meets it, however busy the
// machine is.
const Patience = time.Minute

// pause is the time between two looks at a condition.
const pause = 5 * time.Millisecond

// Eventually waits until ok returns true. After Patience it ends the test, and says what it has
// waited for. Like t.Fatal it belongs into the test's own goroutine.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, Patience, what, ok)
}

// Within is Eventually with a limit that the product promises. It fails if a look that began after
// the limit still finds ok false: on a busy machine a look may take long, and that does no harm. It
// returns how long it waited.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for look := began; !ok(); look = time.Now() {
		if look.Sub(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}
