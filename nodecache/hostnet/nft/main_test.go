package nft

import (
	"os"
	"testing"

	"github.com/neardns/neardns/test/netns"
)

// The tests change the rules of a network namespace.
func TestMain(m *testing.M) {
	netns.Enter(0, "")
	os.Exit(m.Run())
}

func ruleset(t *testing.T) string {
	t.Helper()
	return netns.Sh(t, "nft list ruleset")
}

func dial(t *testing.T) *Conn {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
