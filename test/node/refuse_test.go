package node

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// refuses shows that where the node can't have what it should, the node cache ends with one
// line that says what helps, and the node is as it was.
func refuses(t *testing.T, w *world) {
	for name, c := range map[string]struct {
		before, after string // commands
		addrs         string
		want          []string
	}{
		"another device's address": {"true", "true", linkLocal + ",10.244.1.1",
			[]string{"address 10.244.1.1", "the device va holds it", "give another with -localip"}},
		"IPVS": {"ip link add kube-ipvs0 type bridge; ip addr add 10.96.0.10/32 dev kube-ipvs0", "ip link del kube-ipvs0", all,
			[]string{"address 10.96.0.10", "kube-ipvs0", "link-local address alone", "--cluster-dns"}},
		"IPv6 off": {"sysctl -qw net.ipv6.conf.default.disable_ipv6=1", "sysctl -qw net.ipv6.conf.default.disable_ipv6=0", all,
			[]string{"address fd00:", "IPv6 is switched off", "disable_ipv6=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			netns.Sh(t, c.before)
			defer netns.Sh(t, c.after)
			w.refused(t, run.Program(), c.addrs, c.want...)
		})
	}
	t.Run("port in use", func(t *testing.T) {
		c, err := net.ListenPacket("udp", ":53")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		w.refused(t, run.Program(), all, "udp 169.254.20.10:53", "address already in use", "stop that process")
	})
	t.Run("no NET_ADMIN", func(t *testing.T) {
		w.refused(t, "setpriv --bounding-set=-net_admin "+run.Program(), all, "operation not permitted", "grant the capability NET_ADMIN")
	})
	t.Run("no NET_BIND_SERVICE", func(t *testing.T) {
		w.refused(t, "setpriv --bounding-set=-net_bind_service "+run.Program(), all, "permission denied", "NET_BIND_SERVICE")
	})
}

// refused fails the test unless the program ends with one line that has all words, the node
// is as it was, and names resolve.
func (w *world) refused(t *testing.T, program, addrs string, words ...string) {
	t.Helper()
	before := w.state(t)
	dir := t.TempDir()
	run.Write(t, dir, "Corefile", corefile(addrs))
	args := append(strings.Fields(program), arguments(addrs)...)
	p := run.Start(t, exec.Command(args[0], args[1:]...), dir)
	if code := p.Wait(testkit.Patience); code <= 0 {
		t.Errorf("exit code %d", code)
	}
	lines := p.Logged("nodecache: ")
	if len(lines) != 1 || len(p.Logged("level=WARN"))+len(p.Logged("level=ERROR")) > 0 {
		t.Fatalf("expected one line that says what is wrong:\n%s", p.Log())
	}
	for _, word := range words {
		if !strings.Contains(lines[0], word) {
			t.Errorf("%s lacks %q", lines[0], word)
		}
	}
	w.unchanged(t, before)
	if got := w.a.Dig(clusterIP, web); got != webIP {
		t.Errorf("a Pod at %s: %s", clusterIP, got)
	}
}
