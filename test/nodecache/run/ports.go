package run

import (
	"net/netip"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// Addr is testkit.FreeAddr.
func Addr(t testing.TB) netip.AddrPort { return testkit.FreeAddr(t) }

// Eventually is testkit.Within.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	testkit.Within(t, limit, what, ok)
}
