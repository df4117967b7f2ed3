package corefile

import (
	"fmt"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	for _, test := range []struct{ keys, want string }{
		{".", "[{. 53}]"},
		{"Example.ORG.", "[{example.org. 53}]"},
		{"example.org:1053", "[{example.org. 1053}]"},
		{"example.org:65535", "[{example.org. 65535}]"},
		{"dns://example.org:1053", "[{example.org. 1053}]"},
		{"a.example b.example:1053", "[{a.example. 53} {b.example. 1053}]"},
		{"a.example,\nb.example", "[{a.example. 53} {b.example. 53}]"},
		{`a\.b.example`, `[{a\.b.example. 53}]`},
		{"10.0.0.0/8", "[{10.in-addr.arpa. 53}]"},
		{"10.1.2.3/16:1053", "[{1.10.in-addr.arpa. 1053}]"},
		{"10.1.2.3/32", "[{3.2.1.10.in-addr.arpa. 53}]"},
		{"0.0.0.0/0", "[{in-addr.arpa. 53}]"},
		{"10.0.2.0/23 x", "[{2.0.10.in-addr.arpa. 53} {3.0.10.in-addr.arpa. 53} {x. 53}]"},
		{"2001:db8::/32", "[{8.b.d.0.1.0.0.2.ip6.arpa. 53}]"},
		{"2001:db8::/30:1053", "[{8.b.d.0.1.0.0.2.ip6.arpa. 1053} {9.b.d.0.1.0.0.2.ip6.arpa. 1053} {a.b.d.0.1.0.0.2.ip6.arpa. 1053} {b.b.d.0.1.0.0.2.ip6.arpa. 1053}]"},
		{"0/26.2.0.192.in-addr.arpa", "[{0/26.2.0.192.in-addr.arpa. 53}]"}, // RFC 2317
	} {
		if got := fmt.Sprint(parse(t, test.keys+" {\n}\n", Options{}).Blocks[0].Keys); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.keys, got, test.want)
		}
	}
	if got := fmt.Sprint(parse(t, "a b:1 {\n}", Options{Port: 1053}).Blocks[0].Keys); got != "[{a. 1053} {b. 1}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(parse(t, "a:1 a:2 {\n}", Options{}).Blocks[0].zones()); got != "[a.]" {
		t.Error(got)
	}
}

func TestKeyErrors(t *testing.T) {
	const zone = ", expected a zone such as example.com or a network such as 10.0.0.0/8"
	for _, test := range []struct{ keys, want string }{
		{"tls://.", "tls://.: tls:// is not served, expected ZONE, ZONE:PORT or dns://ZONE:PORT"},
		{"https://.", "https://.: https:// is not served, expected ZONE, ZONE:PORT or dns://ZONE:PORT"},
		{"grpc://.", "grpc://.: grpc:// is not served, expected ZONE, ZONE:PORT or dns://ZONE:PORT"},
		{"quic://.", "quic://.: quic:// is not served, expected ZONE, ZONE:PORT or dns://ZONE:PORT"},
		{":53", `"", expected a domain name, or . for all; is a variable empty?`},
		{"a:", `a:: "", expected a port from 1 to 65535`},
		{".:0", `.:0: "0", expected a port from 1 to 65535`},
		{"a:65536", `a:65536: "65536", expected a port from 1 to 65535`},
		{"a:99999999999999999999", `a:99999999999999999999: "99999999999999999999", expected a port from 1 to 65535`},
		{"a:-1", `a:-1: "-1", expected a port from 1 to 65535`},
		{"a:+1", `a:+1: "+1", expected a port from 1 to 65535`},
		{"a:dns", `a:dns: "dns", expected a port from 1 to 65535`},
		{"10.0.0.0/8:dns", `10.0.0.0/8:dns: "dns", expected a port from 1 to 65535`},
		{"2001:db8::/32:0", `2001:db8::/32:0: "0", expected a port from 1 to 65535`},
		{"2001:db8::1", `"2001:db8::1" is an address, expected a zone, and bind 2001:db8::1 within its block`},
		{"a:1:2", `"a:1", expected a domain name or a network such as 2001:db8::/32`},
		{"a..b", `domain name "a..b": an empty label` + zone},
		{strings.Repeat("a", 64), fmt.Sprintf("domain name %q: a label longer than 63 bytes", strings.Repeat("a", 64)) + zone},
		{strings.Repeat("abcdefg.", 32), fmt.Sprintf("domain name %q: longer than 255 bytes", strings.Repeat("abcdefg.", 32)) + zone},
		{"10.0.0.0/33", `"10.0.0.0/33", expected a network such as 10.0.0.0/8 or 2001:db8::/32`},
		{"::1/129", `"::1/129", expected a network such as 10.0.0.0/8 or 2001:db8::/32`},
	} {
		wantError(t, "\n"+test.keys+" {\n}\n", "Corefile:2: "+test.want, Options{})
	}
}

func TestOverlap(t *testing.T) {
	const expected = "expected another zone, another port or bind with other addresses"
	for _, test := range []struct{ text, want string }{
		{"a {\n}\nb {\n}", ""},
		{"a:53 {\n}\na:54 {\n}", ""},
		{"a {\nbind ::1\n}\na {\nbind ::2\n}", ""},
		{"a {\nbind lo\n}\na {\nbind eth0\n}", ""},
		{"a {\n}\nA {\n}", "Corefile:3: a.:53 is already served by the block at Corefile:1, " + expected},
		{"a A. {\n}", "Corefile:1: a.:53 is named twice, expected it once"},
		{"10.0.0.0/8 {\n}\n10.in-addr.arpa {\n}", "Corefile:3: 10.in-addr.arpa.:53 is already served by the block at Corefile:1, " + expected},
		{"a {\nbind ::1\n}\na {\n}", "Corefile:4: a.:53 is already served by the block at Corefile:1, " + expected},
		{"a {\n}\na {\nbind ::1\n}", "Corefile:3: a.:53 on ::1 is already served by the block at Corefile:1, " + expected},
		{"a {\nbind ::1 ::2\n}\na {\nbind ::3 ::2\n}", "Corefile:4: a.:53 on ::2 is already served by the block at Corefile:1, " + expected},
		{"a {\nbind lo\n}\na {\nbind lo\n}", "Corefile:4: a.:53 on lo is already served by the block at Corefile:1, " + expected},
	} {
		if test.want == "" {
			parse(t, test.text, Options{})
		} else {
			wantError(t, test.text, test.want, Options{})
		}
	}
}

func TestClusterZones(t *testing.T) {
	const cluster, other = "forward . 10.96.0.10 {\nforce_tcp\n}", "forward . 192.0.2.1"
	for _, test := range []struct{ text, want string }{
		{". {\n" + other + "\n}", "[cluster.local.]"},
		{"cluster.local in-addr.arpa {\n" + cluster + "\n}\nip6.arpa {\n" + other + "\n}", "[cluster.local. in-addr.arpa.]"},
		{"cluster.local {\n" + cluster + "\n}\n10.0.0.0/8 {\nforward . 192.0.2.7 10.96.0.10\n}\nexample.org {\n" + cluster + "\n}", "[cluster.local. 10.in-addr.arpa.]"},
		{". {\nforward cluster.local 10.96.0.10\nforward 10.0.0.0/8 10.96.0.10\n" + other + "\n}", "[cluster.local. 10.in-addr.arpa.]"},
		{"local {\nforward . 192.0.2.1 {\nexcept cluster.local\n}\nforward . 10.96.0.10\n}\nip6.arpa {\n" + cluster + "\n}", "[cluster.local. ip6.arpa.]"},
	} {
		if got := fmt.Sprint(parse(t, test.text, Options{}).ClusterZones()); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
	c := parse(t, "a.example {\n"+cluster+"\n}\nip6.arpa {\n"+cluster+"\n}", Options{ClusterDomain: "A.example"})
	if got := fmt.Sprint(c.ClusterZones()); got != "[a.example. ip6.arpa.]" {
		t.Error(got)
	}
	for _, domain := range []string{"a..b", ".", "10.0.0.0/8", "*.local", "cluster local"} {
		wantError(t, ". {\n}", fmt.Sprintf("-cluster-domain %q, expected a domain name such as cluster.local", domain), Options{ClusterDomain: domain})
	}
}
