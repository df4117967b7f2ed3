package node

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// pod is a Pod's network namespace.
type pod struct {
	*netns.Host
	n       int    // 10.244.N.2
	resolve string // its resolv.conf
}

// newPod makes pod number n behind a veth of that name.
func newPod(t testing.TB, n int, veth string) *pod {
	t.Helper()
	p := &pod{n: n, Host: netns.New(t, veth)}
	netns.Shf(t, "ip addr add 10.244.%d.1/24 dev %s; ip addr add fd00:244:%[1]d::1/64 dev %[2]s nodad", n, veth)
	p.Sh("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0")
	p.Sh("sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1") // one address may go without the others
	for host := 2; host < 10; host++ {
		p.address(host)
	}
	p.Up()
	p.Shf("ip route add default via 10.244.%d.1; ip -6 route add default via fd00:244:%[1]d::1", n)
	// The kernel makes the route to an IPv6 address some time after the link is up.
	const routes = "ip -6 route show table local"
	testkit.Eventually(t, "the addresses are there", func() bool {
		return strings.Contains(netns.Sh(t, routes), fmt.Sprintf("fd00:244:%d::1 ", n)) && strings.Contains(p.Sh(routes), fmt.Sprintf("fd00:244:%d::9 ", n))
	})
	p.resolve = run.Write(t, t.TempDir(), "resolv.conf", "")
	return p
}

// address gives the Pod the address of each family with a last number, unless it has it.
func (p *pod) address(host int) {
	p.T.Helper()
	p.Shf("ip addr replace 10.244.%d.%d/24 dev eth0; ip addr replace fd00:244:%[1]d::%[2]d/64 dev eth0 nodad", p.n, host)
}

// noAddress takes the addresses of a last number away.
func (p *pod) noAddress(host int) {
	p.T.Helper()
	p.Shf("ip addr del 10.244.%d.%d/24 dev eth0; ip addr del fd00:244:%[1]d::%[2]d/64 dev eth0", p.n, host)
}

// getent asks as a program with libc does: ndots:5, a search list, A and AAAA at once.
func (p *pod) getent(server, name string) string {
	p.T.Helper()
	const text = "nameserver %s\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:2 attempts:1\n"
	if err := os.WriteFile(p.resolve, fmt.Appendf(nil, text, server), 0o600); err != nil {
		p.T.Fatal(err)
	}
	out, err := p.Command("unshare", "-m", "sh", "-ec",
		"mount --bind "+p.resolve+" /etc/resolv.conf; getent ahosts "+name).CombinedOutput()
	if err != nil {
		return "failed: " + string(out)
	}
	var addrs []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "STREAM" {
			addrs = append(addrs, f[0])
		}
	}
	return strings.Join(addrs, " ")
}
