package hostnet

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/neardns/neardns/test/netns"
)

// TestConfig shows that names and addresses are checked before anything is done.
func TestConfig(t *testing.T) {
	before := node(t)
	addrs := []netip.Addr{netip.MustParseAddr(linkLocal)}
	for _, c := range []Config{
		{},
		{Addrs: []netip.Addr{netip.MustParseAddr("8.8.8.8")}},
		{Addrs: addrs, Prefix: "thirteenchars"},
		{Addrs: addrs, Prefix: "a/b"},
		{Addrs: addrs, Prefix: "a%d"},
		{Addrs: addrs, Prefix: "a b"},
		{Addrs: addrs, Prefix: "ä"},
	} {
		c.Interface, c.Rules, c.Log = true, true, quiet()
		h, err := Open(c)
		if err == nil {
			h.Close()
		}
		if known := new(fault); !errors.As(err, &known) || known.remedy == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	unchanged(t, before)
}

// TestRefuse shows that an Open that fails says why and what helps, and leaves the node as it was.
func TestRefuse(t *testing.T) {
	kind := dummyKind()
	for name, c := range map[string]struct {
		before, after string // commands
		attr          *syscall.SysProcAttr
		words         []string
		want          []string
	}{
		"no NET_ADMIN": {"true", "true", powerless(), []string{linkLocal, "kind=" + kind},
			[]string{"network device", "operation not permitted", "grant the capability NET_ADMIN"}},
		"no NET_ADMIN, rules alone": {"true", "true", powerless(), []string{linkLocal, "nodevice"},
			[]string{"nf_tables", "operation not permitted", "grant the capability NET_ADMIN"}},
		"no nf_tables": {"true", "true", nil, []string{linkLocal, "nftless"},
			[]string{"nf_tables", "protocol not supported", "modules nf_tables and nft_ct", "-setupiptables=false"}},
		"no device at all": {"true", "true", ownMounts(), []string{linkLocal, "tunless", "kind=unknown"},
			[]string{"/dev/net/tun: no such file", "no dummy device", "load the kernel module dummy"}},
		"IPv6 off": {"sysctl -qw net.ipv6.conf.default.disable_ipv6=1", "sysctl -qw net.ipv6.conf.default.disable_ipv6=0",
			nil, []string{linkLocal, clusterV6}, []string{"address fd00:96::a", "IPv6 is switched off", "disable_ipv6=0"}},
		"IPVS": {"ip link add kube-ipvs0 type " + kind + "; ip addr add 10.96.0.10/32 dev kube-ipvs0", "ip link del kube-ipvs0",
			nil, []string{linkLocal, clusterIP}, []string{"address 10.96.0.10", "kube-ipvs0", "link-local address alone", "--cluster-dns"}},
		"IPVS, rules alone": {"ip link add kube-ipvs0 type " + kind + "; ip addr add fd00:96::a/128 dev kube-ipvs0", "ip link del kube-ipvs0",
			nil, []string{linkLocal, clusterV6, "nodevice"}, []string{"address fd00:96::a", "kube-ipvs0"}},
		"another device": {"ip link add foreign0 type " + kind + "; ip addr add 10.96.0.10/24 dev foreign0", "ip link del foreign0",
			nil, []string{linkLocal, clusterIP}, []string{"address 10.96.0.10", "foreign0", "ip addr del 10.96.0.10/32 dev foreign0"}},
		"another device of a name like ours": {"ip link add neardnsx type " + kind + "; ip addr add 10.96.0.10/32 dev neardnsx", "ip link del neardnsx",
			nil, []string{clusterIP}, []string{"address 10.96.0.10", "neardnsx"}},
		"loopback device": {"ip addr add 10.96.0.10/32 dev lo", "ip addr del 10.96.0.10/32 dev lo",
			nil, []string{clusterIP}, []string{"address 10.96.0.10", "the device lo"}},
	} {
		t.Run(name, func(t *testing.T) {
			netns.AddRules(t, stranger)
			netns.Sh(t, c.before)
			t.Cleanup(func() { netns.Sh(t, c.after) })
			child := startChild(t, c.attr, append([]string{"hold"}, c.words...)...)
			was := node(t)
			got := child.ask(t, "open")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q lacks %q", got, want)
				}
			}
			unchanged(t, was)
		})
	}
}
