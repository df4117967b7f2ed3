package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// confined shows that the node cache runs as its manifest runs it: as uid 0 with NET_ADMIN and
// NET_BIND_SERVICE alone, in a read-only root file system with nothing but the program. Without
// /dev/net/tun it makes a dummy device. If the kernel has no dummy devices either, it says what to do
// and changes nothing.
func confined(t *testing.T, w *world) {
	before := w.state(t)
	c := launchConfined(t, true)
	c.Logs("answering")
	testkit.Eventually(t, "it intercepts", c.active)
	if caps := netns.Shf(t, "grep CapEff /proc/%d/status", c.PID()); !strings.HasSuffix(caps, "0000000000001400") {
		t.Errorf("%s, expected NET_BIND_SERVICE and NET_ADMIN", caps)
	}
	if got := w.a.Dig(clusterIP, web); got != webIP || !cacheAnswers(w.a, clusterIP) {
		t.Errorf("%s, or it is not the node cache's answer", got)
	}
	c.Stop()
	w.unchanged(t, before)

	c = launchConfined(t, false)
	if hasDummy() {
		c.Logs("the node", "device=dummy", "table=owned")
		testkit.Eventually(t, "it intercepts", c.active)
		c.Stop()
	} else if code := c.Wait(testkit.Patience); code != 1 || !strings.Contains(c.Log(), "and the kernel has no dummy device; give the container the node's /dev/net/tun, or load the kernel module dummy") {
		t.Errorf("without TUN: exit code %d, %s", code, c.Log())
	}
	w.unchanged(t, before)
}

// hasDummy reports whether the kernel has dummy devices.
func hasDummy() bool {
	if exec.Command("ip", "link", "add", "trial0", "type", "dummy").Run() != nil {
		return false
	}
	return exec.Command("ip", "link", "del", "trial0").Run() == nil
}

// launchConfined starts a node cache in a root file system of its own.
func launchConfined(t *testing.T, tun bool) *cache {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"dev/net", "proc", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"nodecache"}
	if tun {
		files = append(files, "dev/net/tun")
	}
	for _, name := range files { // to be mounted on
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run.Write(t, filepath.Join(root, "etc"), "Corefile", corefile(all))
	metrics := testkit.FreeAddr(t).String()
	args := append(arguments(all, "-conf", "/etc/Corefile"), "-prometheus-listen-address", metrics)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = []string{confineEnv + "=" + root, "NODE_TEST_PROGRAM=" + run.Program()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	return &cache{run.Start(t, cmd, t.TempDir()), t, metrics}
}

// confine makes this process a node cache in a folder, with few rights. It returns only if that
// fails.
func confine(root string, args []string) error {
	for _, m := range [][2]string{{os.Getenv("NODE_TEST_PROGRAM"), "nodecache"}, {"/dev/net/tun", "dev/net/tun"}, {"/proc", "proc"}} {
		to := filepath.Join(root, m[1])
		if _, err := os.Stat(to); err != nil {
			continue
		}
		if err := unix.Mount(m[0], to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m[1], err)
		}
	}
	if err := unix.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("read-only: %w", err)
	}
	if err := errors.Join(unix.Chroot(root), unix.Chdir("/")); err != nil {
		return err
	}
	if err := os.WriteFile("/etc/trial", nil, 0o600); !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("the root file system is not read-only: %w", err)
	}
	for c := 0; unix.Prctl(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0) == nil; c++ {
		if c == unix.CAP_NET_ADMIN || c == unix.CAP_NET_BIND_SERVICE {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Exec("/nodecache", append([]string{"/nodecache"}, args...), nil)
}
