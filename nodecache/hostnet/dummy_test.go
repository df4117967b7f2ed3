package hostnet

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// startDummy starts a process without a TUN, and with "ownerless" without owners of tables.
func startDummy(t *testing.T, words ...string) *child {
	t.Helper()
	args := append([]string{"hold", linkLocal, clusterV6, "tunless", "kind=" + dummyKind()}, words...)
	c := startChild(t, ownMounts(), args...)
	want := dummyKind() + " owned /dev/net/tun: no such file or directory"
	if len(words) > 0 {
		want = dummyKind() + " timeout /dev/net/tun: no such file or directory; nf_tables: no table with an owner: "
	}
	if mode := c.ask(t, "open"); !strings.HasPrefix(mode, want) {
		t.Fatalf("%q, want %q", mode, want)
	}
	return c
}

// devicesOf counts the dummy devices.
func devicesOf(t *testing.T) int {
	t.Helper()
	return strings.Count(netns.Sh(t, "ip -o link show type "+dummyKind()), "neardns")
}

// cleanDevices deletes what dead processes left.
func cleanDevices(t *testing.T) {
	t.Cleanup(func() {
		for i := range "0123" {
			exec.Command("ip", "link", "del", "neardns"+string(rune('0'+i))).Run()
		}
	})
}

// giveBack is how long the kernel may keep addresses with a lifetime. It looks at their lifetimes
// once a second, see check_lifetime in its devinet.c.
const giveBack = lifetime + 1500*time.Millisecond

// TestDummyHang stops a process without a TUN: its addresses and its interception go. The addresses
// come back when it goes on.
func TestDummyHang(t *testing.T) {
	cleanDevices(t)
	c := startDummy(t)
	for start := time.Now(); time.Since(start) < lifetime+2*time.Second; time.Sleep(20 * time.Millisecond) { // between two looks
		if !has(t, linkLocal) || !has(t, clusterV6) {
			t.Fatal("an address went while the process lives")
		}
	}
	c.must(t, "intercept")
	c.cmd.Process.Signal(syscall.SIGSTOP)
	took := testkit.Within(t, giveBack, "given back", func() bool {
		return !has(t, linkLocal) && !has(t, clusterV6) && !intercepts(t)
	})
	t.Logf("given back %v after it stopped", took)
	c.cmd.Process.Signal(syscall.SIGCONT)
	testkit.Eventually(t, "addresses are back", func() bool { return has(t, linkLocal) && has(t, clusterV6) })
	c.must(t, "close")
	if has(t, linkLocal) || devicesOf(t) != 0 {
		t.Error("something is left")
	}
}

// TestDummyDeath kills processes without a TUN and without owners. After the lifetime, what they have
// left does nothing. The next process deletes it, and leaves alone what living processes have.
func TestDummyDeath(t *testing.T) {
	cleanDevices(t)
	netns.AddRules(t, stranger)
	rules := ruleset(t)
	living := startDummy(t, "ownerless")
	living.must(t, "intercept")
	handles := netns.Sh(t, "ip -o link show neardns0 | cut -d: -f1; nft -a list ruleset | grep 'table inet neardns-[0-9]'")
	for range 3 {
		c := startDummy(t, "ownerless")
		c.must(t, "intercept")
		c.kill()
	}
	all := netns.Sh(t, "ip -o link show neardns0 | cut -d: -f1; nft -a list ruleset | grep 'table inet neardns-[0-9]'")
	if !strings.HasPrefix(all, handles) {
		t.Errorf("the living had\n%s\nand now there are\n%s", handles, all)
	}
	living.must(t, "intercept")
	if got := devicesOf(t); got != 2 {
		t.Errorf("%d devices, want those of the living and of the last to die", got)
	}
	if got := strings.Count(ruleset(t), "neardns-N"); got != 2 {
		t.Errorf("%d tables, want those of the living and of the last to die:\n%s", got, ruleset(t))
	}
	if !has(t, linkLocal) || !intercepts(t) {
		t.Error("the living lost something")
	}
	living.kill()
	took := testkit.Within(t, giveBack, "given back", func() bool { return !has(t, linkLocal) && !has(t, clusterV6) && !intercepts(t) })
	t.Logf("given back %v after the death", took)
	last := startDummy(t, "ownerless")
	last.must(t, "close")
	if got := ruleset(t); got != rules || devicesOf(t) != 0 {
		t.Errorf("left %d devices and\n%s", devicesOf(t), got)
	}
}

// TestFlushed has someone flush the ruleset where tables have no owner: the next step makes the
// table again. nft's TestGone does it where they have one.
func TestFlushed(t *testing.T) {
	h := hold(t, linkLocal, "ownerless")
	if m := h.Mode(); m.Table != "timeout" || m.Device != "tun" || !m.Impaired() {
		t.Errorf("mode %+v", m)
	}
	for _, step := range []func() error{h.Intercept, h.Release} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		before := ruleset(t)
		netns.Sh(t, "nft flush ruleset")
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if after := ruleset(t); after != before {
			t.Errorf("got\n%s\nwant\n%s", after, before)
		}
	}
	netns.Sh(t, "nft flush ruleset") // and Close
}
