package kubernetes

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/plugin/object"
)

// TestSkippedLines changes a Service with a bad target ten times a second for two minutes. That
// makes one line a minute. A name that is too long makes one line, and no more.
func TestSkippedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s skips
		got := logged(t, func() {
			for range 1200 {
				s.skipped(object.Problem{Kind: "Service", Namespace: "n", Name: "s", Field: "spec.externalName", Reason: "is not a name"})
				s.skipped(object.Problem{Kind: "EndpointSlice", Namespace: "n", Name: "s", Field: "endpoints", Reason: "long", TooLong: true})
				time.Sleep(100 * time.Millisecond)
			}
		})
		for part, want := range map[string]int{"spec.externalName of Service n/s: is not a name": 2, "endpoints of EndpointSlice n/s: long": 1} {
			if n := strings.Count(got, part); n != want {
				t.Errorf("%d lines say %q, want %d", n, part, want)
			}
		}
	})
}

// TestSkippedMany shows that the number of remembered objects is bounded, and that they are
// forgotten in time.
func TestSkippedMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s skips
		due := func() (n int) {
			for i := range 3 * mostSkipped {
				if s.due(fmt.Sprint(i), time.Now()) {
					n++
				}
			}
			return n
		}
		for range 2 {
			if n := due(); n != mostSkipped || len(s.logged) > mostSkipped {
				t.Errorf("%d lines, %d remembered", n, len(s.logged))
			}
			time.Sleep(skipAgain)
		}
	})
}

// TestAutoPathNeedsPods shows that one line says that autopath needs `pods verified`.
func TestAutoPathNeedsPods(t *testing.T) {
	cfg := testConfig()
	cfg.names.Pods = 0
	k, _ := testHandler(cfg)
	got := logged(t, func() {
		for range 3 {
			k.AutoPath(state("a.ns.svc.cluster.local.", "10.240.0.1"))
		}
	})
	if strings.Count(got, "needs `pods verified`") != 1 {
		t.Error(got)
	}
}
