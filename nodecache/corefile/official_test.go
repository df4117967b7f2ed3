package corefile

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const official = "testdata/nodelocaldns.Corefile"

// TestOfficial reads the Corefile of the official manifest of Kubernetes 1.37.2, unchanged.
func TestOfficial(t *testing.T) {
	resolv := write(t, t.TempDir(), "resolv.conf", "search example.org\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n")
	c, err := Load(official, Options{
		LocalIPs:        []netip.Addr{netip.MustParseAddr("169.254.20.10"), netip.MustParseAddr("10.96.0.10")},
		UpstreamService: "kube-dns-upstream",
		UpstreamServers: []string{resolv},
		Env: func(name string) (string, bool) {
			return "10.96.0.11", name == "KUBE_DNS_UPSTREAM_SERVICE_HOST"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range c.Blocks {
		p := b.Cache.Policy
		got = append(got, fmt.Sprint(b.Keys, b.Binds, b.Cache.Success, p.Positive, b.Cache.Denial, p.Denial,
			servers(t, b.Forwards[0]), b.Loop, b.Errors != nil, *b.Prometheus))
	}
	const binds, rest = "[169.254.20.10 10.96.0.10]", "true true {:9253}"
	want := []string{
		"[{cluster.local. 53}]" + binds + "9984{5 30}9984{5 5}tcp 10.96.0.11:53" + rest,
		"[{in-addr.arpa. 53}]" + binds + "9984{5 30}9984{5 30}tcp 10.96.0.11:53" + rest,
		"[{ip6.arpa. 53}]" + binds + "9984{5 30}9984{5 30}tcp 10.96.0.11:53" + rest,
		"[{. 53}]" + binds + "9984{5 30}9984{5 30}udp 192.0.2.1:53, udp [2001:db8::1]:53" + rest,
	}
	strip := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	for i, w := range want {
		if i >= len(got) || strip(got[i]) != strip(w) {
			t.Errorf("block %d:\n got %v\nwant %s", i, got[i], w)
		}
	}
	if zones := fmt.Sprint(c.ClusterZones()); zones != "[cluster.local. in-addr.arpa. ip6.arpa.]" {
		t.Errorf("cluster zones %s", zones)
	}
	if h := c.Health; len(h) != 1 || h[0].Addr != "169.254.20.10:8080" {
		t.Errorf("health %v", h)
	}
	if *c.Reload != (Reload{30 * time.Second, 15 * time.Second}) {
		t.Errorf("reload %v", *c.Reload)
	}
	if len(c.Notes) > 0 || !slices.Equal(c.Files, []string{official, resolv}) {
		t.Errorf("notes %v, files %v", c.Notes, c.Files)
	}
	if addrs := c.PrometheusAddrs(); !slices.Equal(addrs, []string{":9253"}) {
		t.Errorf("prometheus %v", addrs)
	}
}

// TestOfficialUnfilled shows the errors for variables without a value.
func TestOfficialUnfilled(t *testing.T) {
	text, err := os.ReadFile(official)
	if err != nil {
		t.Fatal(err)
	}
	local := []netip.Addr{netip.MustParseAddr("169.254.20.10")}
	wantError(t, string(text), "Corefile:9: bind: __PILLAR__LOCAL__DNS__ has no value: "+
		"expected -localip with the addresses to listen on", Options{ClusterDNS: []string{"10.96.0.11"}})
	wantError(t, string(text), "Corefile:10: forward: __PILLAR__CLUSTER__DNS__ has no value: "+
		"the environment variable KUBE_DNS_UPSTREAM_SERVICE_HOST is not set; "+
		"expected -upstreamsvc to name a Service in this pod's namespace that is older than the pod",
		Options{LocalIPs: local, UpstreamService: "kube-dns-upstream"})
	wantError(t, "__PILLAR__NEW__:53 {\n}", `Corefile:1: "__PILLAR__NEW__:53" is a variable for an installer to replace: `+
		"expected a value in its place", Options{})
}

// TestUpstreamTCP shows that servers of the kube-dns ConfigMap are asked over UDP, as
// k8s-dns-node-cache does, and that line numbers stay.
func TestUpstreamTCP(t *testing.T) {
	text := ".:53 {\n    errors\n    forward . __PILLAR__UPSTREAM__SERVERS__ {\n            force_tcp\n    }\n    loop\n}\n"
	c := parse(t, text, Options{UpstreamServers: []string{"192.0.2.1", "192.0.2.2:5353"}})
	if got := servers(t, c.Blocks[0].Forwards[0]); got != "udp 192.0.2.1:53, udp 192.0.2.2:5353" {
		t.Error(got)
	}
	wantError(t, strings.Replace(text, "loop", "lop", 1), `Corefile:6: "lop" is not a directive of CoreDNS, expected perhaps log; there are `+list(directiveNames(), "and"),
		Options{UpstreamServers: []string{"192.0.2.1"}})
}

func TestStubDomains(t *testing.T) {
	o := Options{
		Port:        5300,
		LocalIPs:    []netip.Addr{netip.MustParseAddr("169.254.20.10")},
		StubDomains: map[string][]string{"Acme.local": {"10.0.0.10", "10.0.0.11:5353"}, "a.example": {"10.0.0.12"}},
	}
	c := parse(t, ".:5300 {\n}", o)
	var got []string
	for _, b := range c.Blocks[1:] {
		got = append(got, fmt.Sprint(b.Pos, b.Keys, b.Binds, b.Cache.Policy.Positive.Max, b.Errors != nil, servers(t, b.Forwards[0])))
	}
	want := []string{
		"kube-dns ConfigMap, stubDomains:1 [{acme.local. 5300}] [169.254.20.10] 30 trueudp 10.0.0.10:53, udp 10.0.0.11:5353",
		"kube-dns ConfigMap, stubDomains:2 [{a.example. 5300}] [169.254.20.10] 30 trueudp 10.0.0.12:53",
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	if other := parse(t, ".:5300 {\n}", Options{Port: 5300}); other.Sum == c.Sum {
		t.Error("a stub domain does not change the sum")
	}
	o.LocalIPs = nil
	wantError(t, "acme.local:5300 {\n}", "kube-dns ConfigMap, stubDomains:1: acme.local.:5300 is already served by the block at Corefile:1, "+
		"expected another zone, another port or bind with other addresses", o)
	o.StubDomains = map[string][]string{"a.example": {"{ }"}}
	wantError(t, ".:53 {\n}", `kube-dns ConfigMap, stubDomains:1: forward: "{ }", expected an IP address with or without a port, `+
		"a file such as /etc/resolv.conf, or a host's name", o)
}

func TestReadConfigMap(t *testing.T) {
	dir := t.TempDir()
	if stub, upstream, err := ReadConfigMap(dir); err != nil || stub != nil || upstream != nil {
		t.Errorf("an empty ConfigMap: %v %v %v", stub, upstream, err)
	}
	write(t, dir, "stubDomains", `{"acme.local": ["1.2.3.4", "[2001:db8::1]:53"]}`)
	write(t, dir, "upstreamNameservers", `["8.8.8.8", "8.8.4.4:53"]`)
	stub, upstream, err := ReadConfigMap(dir)
	if got := fmt.Sprint(stub, upstream, err); got != "map[acme.local:[1.2.3.4 [2001:db8::1]:53]] [8.8.8.8 8.8.4.4:53] <nil>" {
		t.Error(got)
	}
	if _, _, err := ReadConfigMap(dir + "/none"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "-kubednscm") {
		t.Errorf("no folder: %v", err)
	}
	for _, test := range []struct{ file, text, want string }{
		{"stubDomains", `{"a": ["1.2.3.4"], "b": ["1.2.3.4"], "a": ["5.6.7.8"]}`, "a is there twice, expected it once, with all of its servers"},
		{"stubDomains", "{\n\"a\": \"1.2.3.4\"}", "2: json: cannot unmarshal string into Go value of type []string, expected JSON such as {\"acme.local\": [\"10.0.0.10\"]}"},
		{"stubDomains", `{"a": []}`, "a: no server, expected at least one address"},
		{"stubDomains", `{".": ["1.2.3.4"]}`, ".: the root is not a stub domain, expected its servers in upstreamNameservers"},
		{"stubDomains", `{"a..b": ["1.2.3.4"]}`, `a..b: domain name "a..b": an empty label`},
		{"stubDomains", `{"a": ["/etc/resolv.conf"]}`, `a: "/etc/resolv.conf" is not a server, expected an IP address with or without a port`},
		{"upstreamNameservers", `["1.2.3.4", "5.6.7.8", "::1", "::2"]`, "4 servers, expected 3 at most"},
		{"upstreamNameservers", `["dns.example"]`, `"dns.example" is not a server, expected an IP address with or without a port`},
		{"stubDomains", "{\n\"a\": [\"1.2.3.4\"],\n}", "3: invalid character '}' looking for beginning of object key string, expected JSON such as {\"acme.local\": [\"10.0.0.10\"]}"},
		{"upstreamNameservers", `[`, `1: unexpected end of JSON input, expected JSON such as ["10.0.0.10"]`},
	} {
		dir := t.TempDir()
		path := write(t, dir, test.file, test.text)
		want := path + ": " + test.want
		if strings.Trim(test.want[:1], "0123456789") == "" && test.want[1] == ':' { // a line
			want = path + ":" + test.want
		}
		if _, _, err := ReadConfigMap(dir); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", test.text, err, want)
		}
	}
}
