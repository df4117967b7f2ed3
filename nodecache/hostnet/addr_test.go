package hostnet

import (
	"net/netip"
	"strings"
	"testing"
)

// TestCheckAddr accepts the addresses that a node cache may have, and says what is wrong with others.
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
