package nft

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestGone deletes the table, as someone can if it has no owner, and as the kernel can by a race if
// it has one. The next step makes it again.
func TestGone(t *testing.T) {
	for _, owned := range []bool{true, false} {
		c := dial(t)
		table := NewTable(c, "gone", Rules{Addrs: addrs(linkLocal, clusterV6), Port: 53, HealthPort: 8080, Mark: 1, Lifetime: time.Hour}, Probes{})
		if err := table.Create(owned); err != nil {
			t.Fatal(err)
		}
		for name, step := range map[string]func() error{"Take": table.Take, "Release": table.Release} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
			before := rules(t)
			if err := c.Delete("gone"); err != nil {
				t.Fatal(err)
			}
			if err := table.SetOutside(nil); err != nil {
				t.Errorf("SetOutside: %v", err)
			}
			if err := step(); err != nil {
				t.Fatal(err)
			}
			if after := rules(t); after != before {
				t.Errorf("%s, owned %v: got\n%s\nwant\n%s", name, owned, after, before)
			}
		}
		if all, err := c.Tables(); err != nil || len(all) != 1 || all[0] != (Listed{"gone", owned}) {
			t.Errorf("%+v, %v", all, err)
		}
		if err := errors.Join(c.Delete("gone"), table.Close()); err != nil {
			t.Error(err)
		}
	}
}

// rules is ruleset without the times that pass.
func rules(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(` expires [0-9a-z]+`).ReplaceAllString(ruleset(t), "")
}

// TestDelete deletes what isn't there.
func TestDelete(t *testing.T) {
	if err := dial(t).Delete("nothing"); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}
