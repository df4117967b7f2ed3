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
	for end := time.Now().Add(Patience); !ok(); time.Sleep(pause) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}
