package hostnet

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestCheckAddr(t *testing.T) {
	for _, a := range []string{"169.254.20.10", "10.96.0.10", "172.20.0.10", "192.168.1.2", "100.64.0.10",
		"34.118.224.10", "198.18.0.10", "240.0.0.10", "fd00:96::a", "fc00::1", "2600:2d00:0:4::a"} {
		if err := checkAddr(netip.MustParseAddr(a)); err != nil {
			t.Error(err)
		}
	}
	for a, why := range map[string]string{
		"0.0.0.0":          "names no host",
		"0.1.2.3":          "names no host",
		"::":               "names no host",
		"127.0.0.1":        "loopback",
		"::1":              "loopback",
		"224.0.0.251":      "multicast",
		"ff02::fb":         "multicast",
		"255.255.255.255":  "broadcast",
		"fe80::1":          "another host on each link",
		"fe80::1%eth0":     "no plain",
		"::ffff:10.96.0.1": "no plain",
		"169.254.169.254":  "clouds",
		"169.254.170.2":    "clouds",
		"fd00:ec2::253":    "clouds",
		"8.8.8.8":          "public",
		"172.32.0.1":       "public",
		"2001:4860::8888":  "public",
	} {
		err := checkAddr(netip.MustParseAddr(a))
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "169.254.20.10") {
			t.Errorf("%s: %v, want %q and a remedy", a, err, why)
		}
	}
	if err := checkAddr(netip.Addr{}); err == nil {
		t.Error("the zero address passes")
	}
}

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
		if known := new(Error); !errors.As(err, &known) || known.Remedy == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := Leftovers(c); err == nil {
			t.Errorf("Leftovers(%+v) without an error", c)
		}
	}
	unchanged(t, before)
}

// TestRefuse shows that where Open fails it says why and what helps, and the node stays as it was.
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
			addRules(t, stranger)
			sh(t, c.before)
			t.Cleanup(func() { sh(t, c.after) })
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

// TestLeftover finds the device of a node-local cache of kubernetes/dns and takes it over
// without a moment in which nobody has the addresses.
func TestLeftover(t *testing.T) {
	sh(t, "ip link add nodelocaldns type "+dummyKind()+"; ip addr add 169.254.20.10/32 dev nodelocaldns; "+
		"ip addr add 10.96.0.10/32 dev nodelocaldns; ip addr add 10.96.0.99/32 dev nodelocaldns; ip link set nodelocaldns up")
	c, _ := config(linkLocal, clusterIP, clusterV6, "kind="+dummyKind())
	want := []Leftover{{Name: "network device nodelocaldns", Addrs: []netip.Addr{netip.MustParseAddr(linkLocal), netip.MustParseAddr(clusterIP)}}}
	same := func(got []Leftover) bool {
		return len(got) == 1 && got[0].Name == want[0].Name && slices.Equal(got[0].Addrs, want[0].Addrs)
	}
	if got, err := Leftovers(c); err != nil || !same(got) {
		t.Errorf("%+v, %v", got, err)
	}
	h := hold(t, linkLocal, clusterIP, clusterV6, "kind="+dummyKind())
	if !same(h.Leftovers()) {
		t.Fatalf("%+v", h.Leftovers())
	}
	serve(t, clusterIP+":53", "ours")
	for range 2 { // the second time it is gone
		if err := h.Leftovers()[0].TakeOver(); err != nil {
			t.Fatal(err)
		}
		if answer, err := both(h, clusterIP+":53"); answer != "ours" || err != nil {
			t.Errorf("%q, %v", answer, err)
		}
	}
	if links := sh(t, "ip -o link"); strings.Contains(links, "nodelocaldns") {
		t.Error(links)
	}
	if got, err := Leftovers(c); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
