package run

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Cgroup is a memory cgroup, like the one that enforces a container's limit. It needs root, and
// version 1 or 2 of the memory controller.
type Cgroup struct {
	t      testing.TB
	dir    string
	second bool // version 2
}

// NewCgroup makes a cgroup that allows so many bytes. The end of the test removes it, after the
// processes in it.
func NewCgroup(t testing.TB, limit int64) *Cgroup {
	t.Helper()
	c := &Cgroup{t: t}
	parent, err := c.parent()
	if err != nil {
		t.Fatal(err)
	}
	if c.dir, err = os.MkdirTemp(parent, "neardns-test-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(c.dir); err != nil {
			t.Error(err)
		}
	})
	c.set("memory.limit_in_bytes", "memory.max", strconv.FormatInt(limit, 10))
	if !c.second { // else version 1 does not count at all what sockets hold
		c.set("memory.kmem.tcp.limit_in_bytes", "", strconv.FormatInt(8*limit, 10))
	}
	return c
}

// parent returns where a cgroup can be made. In version 1 that is below our own. In version 2 it is
// the root: a cgroup that holds processes can't have others below it.
func (c *Cgroup) parent() (string, error) {
	const mount = "/sys/fs/cgroup"
	if _, err := os.Stat(mount + "/memory/memory.limit_in_bytes"); err == nil {
		text, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(string(text)) {
			if _, path, ok := strings.Cut(strings.TrimSpace(line), ":memory:"); ok {
				return filepath.Join(mount, "memory", path), nil
			}
		}
	}
	c.second = true
	controllers, err := os.ReadFile(mount + "/cgroup.subtree_control")
	if err != nil || !strings.Contains(string(controllers), "memory") {
		return "", fmt.Errorf("no memory controller of cgroups, which the test needs: %s %w", controllers, err)
	}
	return mount, nil
}

// file returns the path of a file by its names in version 1 and 2.
func (c *Cgroup) file(first, second string) string {
	if c.second {
		return filepath.Join(c.dir, second)
	}
	return filepath.Join(c.dir, first)
}

func (c *Cgroup) set(first, second, value string) {
	c.t.Helper()
	if err := os.WriteFile(c.file(first, second), []byte(value), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// Command returns a command that runs a program in the cgroup.
func (c *Cgroup) Command(args ...string) *exec.Cmd {
	return exec.Command("sh", append([]string{"-ec", `echo $$ >"$0"; exec "$@"`, filepath.Join(c.dir, "cgroup.procs")}, args...)...)
}

// Peak returns how many bytes were in use at most.
func (c *Cgroup) Peak() (bytes int64) {
	c.t.Helper()
	c.scan(c.file("memory.max_usage_in_bytes", "memory.peak"), "", &bytes)
	return bytes
}

// Use returns how many bytes are in use. Pages of files that are not mapped do not count, as the
// kernel drops them when it must. What sockets hold counts: version 1 has a figure of its own for
// it.
func (c *Cgroup) Use() int64 {
	c.t.Helper()
	var all, files, mapped, sockets int64
	c.scan(c.file("memory.usage_in_bytes", "memory.current"), "", &all)
	if c.second {
		c.scan(c.file("", "memory.stat"), "file ", &files)
		c.scan(c.file("", "memory.stat"), "file_mapped ", &mapped)
	} else {
		c.scan(c.file("memory.stat", ""), "cache ", &files)
		c.scan(c.file("memory.stat", ""), "mapped_file ", &mapped)
		c.scan(c.file("memory.kmem.tcp.usage_in_bytes", ""), "", &sockets)
	}
	return all - files + mapped + sockets
}

// Kills returns how many processes the kernel has killed for memory.
func (c *Cgroup) Kills() (kills int64) {
	c.t.Helper()
	c.scan(c.file("memory.oom_control", "memory.events"), "oom_kill ", &kills)
	return kills
}

// scan reads the number after a word at the start of a line.
func (c *Cgroup) scan(path, word string, value *int64) {
	c.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			if _, err := fmt.Sscan(rest, value); err != nil {
				c.t.Fatalf("%s: %q: %v", path, line, err)
			}
			return
		}
	}
	c.t.Fatalf("%s has no %s: %s", path, word, text)
}
