package manifests

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Status returns the lines of /proc/PID/status by their names, such as CapEff.
func Status(t testing.TB, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		all[name] = strings.Join(strings.Fields(value), " ")
	}
	return all
}

// CheckRights compares the user and the rights of a process with those that the manifest gives.
func (c *Container) CheckRights(t testing.TB, pid int) {
	t.Helper()
	var kept uint64
	for _, name := range c.Capabilities {
		kept |= 1 << numbers[name]
	}
	s, caps, user := Status(t, pid), fmt.Sprintf("%016x", kept), fmt.Sprintf("%d %[1]d %[1]d %[1]d", c.User)
	for name, want := range map[string]string{"CapEff": caps, "CapPrm": caps, "CapBnd": caps, "Uid": user} {
		if s[name] != want {
			t.Errorf("%s: %s, expected %s", name, s[name], want)
		}
	}
	if c.NoEscalation && s["NoNewPrivs"] != "1" {
		t.Error("it could gain privileges")
	}
}
