package kubernetes

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
)

// TestRules shows that each plugin of CoreDNS has its rule.
func TestRules(t *testing.T) {
	for _, name := range dnsserver.Directives {
		r, known := rules[name]
		if !known {
			t.Errorf("%s: does it have to see queries that the lane would answer?", name)
		}
		if (r.reach == nobody) != (r.why == "") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name := range rules {
		if !slices.Contains(dnsserver.Directives, name) {
			t.Errorf("%s is no plugin of CoreDNS", name)
		}
	}
}

// checked returns what -check says about the lane of the first kubernetes block in a Corefile.
func checked(t *testing.T, corefile string) string {
	t.Helper()
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader(corefile), dnsserver.Directives)
	if err != nil {
		t.Fatalf("%s\n%v", corefile, err)
	}
	i := slices.IndexFunc(blocks, func(b caddyfile.ServerBlock) bool { return len(b.Tokens[pluginName]) > 0 })
	found, err := Check(&caddy.Controller{
		Dispenser: caddyfile.NewDispenserTokens("Corefile", blocks[i].Tokens[pluginName]), ServerBlockIndex: i, ServerBlockKeys: blocks[i].Keys,
	}, blocks)
	if err != nil {
		t.Fatalf("%s\n%v", corefile, err)
	}
	return found.Express
}

// TestJudge shows what switches the lane off, and what leaves it on.
func TestJudge(t *testing.T) {
	const on = "express is on for cluster.local.:53 in-addr.arpa.:53"
	in := func(beside, options string) string {
		return "cluster.local in-addr.arpa {\n errors\n " + beside + "\n kubernetes {\n " + options + "\n }\n}\n"
	}
	for _, tt := range []struct{ corefile, want string }{
		{in("", ""), on},
		{in("", "express off"), "because `express off` says so"},
		{in("prometheus\nready\nreload\nbufsize 4096\nnsid\nloop\nforward . 192.0.2.1", ""), on},
		{in("whoami", ""), on},
		{in("file db.cluster.local cluster.local", ""), on}, // it stands behind us

		{in("log", ""), "express is off for cluster.local.:53 in-addr.arpa.:53, because log must see every query: "},
		{in("log . {\n class error\n}", ""), on},
		{in("log . {\n class denial error\n}", ""), "log must see"},
		{in("log example.org \"{common}\"", ""), on},
		{in("log ns.svc.cluster.local {common}", ""), "log must see"},
		{in("log . {\n class error\n}\nlog svc.cluster.local", ""), "log must see"},
		{in("log\nminimal", ""), "because log must see every query, and minimal takes the additional records away: "},

		{in("hosts {\n 192.0.2.1 a.example\n fallthrough\n}", ""), "hosts may answer first"},
		{in("hosts /etc/hosts example.org", ""), "hosts may answer first"}, // at reverse names
		{in("hosts /etc/hosts example.org {\n no_reverse\n}", ""), on},
		{"cluster.local {\n hosts /etc/hosts example.org\n kubernetes\n}\n", "express is on for cluster.local.:53"},
		{in("template IN AAAA {\n rcode NOERROR\n}", ""), "template may answer first"},
		{in("template IN A example.org", ""), on},
		{in("template IN A example.org\ntemplate IN A a.svc.cluster.local", ""), "template may answer first"},
		{in("acl example.org {\n block\n}", ""), on},
		{in("acl {\n block net 192.0.2.0/24\n}", ""), "acl may refuse"},
		{in("autopath @kubernetes", ""), "autopath answers"},
		{in("autopath example.org @kubernetes", ""), on},
		{in("dnssec example.org", ""), on},
		{in("dnssec", ""), "dnssec signs"},

		{in("loadbalance", ""), on},
		{in("loadbalance round_robin", ""), on},
		{in("loadbalance weighted weights", ""), "loadbalance puts"},
		{in("loadbalance round_robin {\n prefer 10.0.0.0/8\n}", ""), "loadbalance puts"},

		{in("cache", ""), on},
		{in("cache", "ttl 3600"), on},
		{in("cache", "ttl 4"), "cache would change the TTL"},
		{in("cache", "ttl 0"), "cache would change the TTL"},
		{in("cache {\n success 1000 3600 0\n denial 1000 3600 0\n}", "ttl 0"), on},
		{in("cache {\n success 1000 3600 0\n}", "ttl 0"), "cache would change the TTL"},
		{in("cache 30", "ttl 30"), on},
		{in("cache 30 {\n disable success cluster.local\n}", "ttl 31"), "cache would change the TTL"}, // kept or not
		{in("cache 30 example.org", "ttl 300"), on},
		{in("cache 30 svc.cluster.local", "ttl 300"), "cache would change the TTL"},
		{in("cache {\n denial 1000 299\n}", "ttl 3600"), "cache would change the TTL"}, // of the SOA record
		{in("cache {\n denial 1000 300\n}", "ttl 3600"), on},
		{in("cache {\n serve_stale 1h\n prefetch 1\n keepttl\n servfail 1s\n}", "ttl 30"), on},

		{in("tls", ""), "tls may answer"}, // its certificate comes by ACME
		{in("tls cert key", ""), on},
		{in("", "") + "tls://example.org {\n tls {\n  domains example.org\n }\n}\n", "tls may answer"},
		{in("", "") + "example.org {\n tsig {\n  secret a. b\n }\n}\n", "tsig checks"},
		{in("", "") + "example.org:54 {\n tsig {\n  secret a. b\n }\n}\n", on},
		{in("", "") + "example.org {\n bind 127.0.0.1\n proxyproto\n}\n", on}, // another listener
		{in("bind ::1 127.0.0.1", "") + "example.org {\n bind 127.0.0.1\n proxyproto\n}\n", "proxyproto puts"},
		{in("", "") + "example.org {\n log\n rewrite stop type ANY A\n}\n", on},

		{in("view a {\n expr true\n}", ""), "view decides"},
		{in("", "") + "cluster.local {\n view a {\n  expr true\n }\n}\n", on + ", but not for cluster.local.:53, which another block has, too"},
		{in("", "") + "cluster.local in-addr.arpa {\n view a {\n  expr true\n }\n}\n", "another block has the same zones"},
		{in("", "") + "cluster.local:54 {\n view a {\n  expr true\n }\n}\n", on},
		{"tls://cluster.local {\n kubernetes\n}\n", "it is for plain DNS"},
		{"tls://cluster.local dns://cluster.local:54 {\n kubernetes\n}\n", "express is on for cluster.local.:54"},
		{"cluster.local 10.0.0.0/13 {\n kubernetes\n}\n",
			"express is on for cluster.local.:53 0.10.in-addr.arpa.:53 1.10.in-addr.arpa.:53 2.10.in-addr.arpa.:53 and 5 more"},
	} {
		got := checked(t, tt.corefile)
		if tt.want == on && got != on || !strings.Contains(got, tt.want) {
			t.Errorf("%s\nsays %q, want %q", tt.corefile, got, tt.want)
		}
	}
}

// TestUnknownPlugin lets a plugin stand in the order that the table does not know.
func TestUnknownPlugin(t *testing.T) {
	withDirectives(t, append([]string{"mine"}, dnsserver.Directives...))
	if got := checked(t, "cluster.local {\n mine\n kubernetes\n}\n"); !strings.Contains(got, "because mine is a plugin that this program does not know") {
		t.Error(got)
	}
}

// TestOrder puts plugins before and behind kubernetes, as the plugin.cfg of an own build may.
func TestOrder(t *testing.T) {
	withDirectives(t, []string{"bufsize", "errors", "file", "kubernetes", "loadbalance", "log", "cache", "minimal"})
	if got := checked(t, "cluster.local {\n log\n cache 1\n minimal\n kubernetes\n}\n"); got != "express is on for cluster.local.:53" {
		t.Error(got)
	}
	if got := checked(t, "cluster.local {\n file db\n kubernetes\n}\n"); !strings.Contains(got, "file may answer first") {
		t.Error(got)
	}
}

func withDirectives(t *testing.T, order []string) {
	saved := dnsserver.Directives
	dnsserver.Directives = order
	t.Cleanup(func() { dnsserver.Directives = saved })
}
