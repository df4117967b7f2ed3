package resolve

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFlushUnderWay flushes while upstream is asked, which then says what it knew before: those who
// wait get that, but it is not kept, and those who come after the flush do not wait for it.
func TestFlushUnderWay(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.set(func(f *fake) { f.took = 200 * time.Millisecond })
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			before := r.send("a.example.")
			time.Sleep(100 * time.Millisecond)
			r.Flush(name(t, "example."))
			var after *sent
			if meanwhile {
				after = r.send("a.example.")
			}
			before.wait()
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.2")
			if !meanwhile {
				after = r.send("a.example.")
			}
			for _, got := range []string{after.text(), r.ask("a.example.")} {
				if !strings.Contains(got, "10.0.0.2") {
					t.Errorf("asked meanwhile %v: %s", meanwhile, got)
				}
			}
			r.asked("a.example. A", "a.example. A")
		})
	}
}
