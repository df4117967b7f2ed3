package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/view"
	_ "github.com/coredns/coredns/plugin/whoami"
)

// planned starts a server, and returns its plan.
func planned(t *testing.T, corefile string) *plan {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one.yaml":   "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\n",
		"snippets":   "(quiet) {\n errors\n}\n",
		"block.conf": "log\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := caddy.CaddyfileInput{Contents: []byte(corefile), Filepath: filepath.Join(dir, "Corefile"), ServerTypeName: "dns"}
	inst, err := caddy.Start(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range inst.ShutdownCallbacks() {
			t.Error(err)
		}
		if err := inst.Stop(); err != nil {
			t.Error(err)
		}
	})
	p, ok := inst.Storage[planKey{}].(*plan)
	if !ok {
		t.Fatal("no plan")
	}
	return p
}

// at writes the zones of a listener. Those that the lane answers for have the number of their block
// behind them.
func (p *plan) at(addr string) string {
	var texts []string
	for _, z := range p.zones(addr) {
		text := z.Name
		for i, own := range p.ours {
			if z.Block == own.lane {
				text += fmt.Sprint("=", i)
			}
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// TestPlan shows whose names the lane answers, and at which addresses.
func TestPlan(t *testing.T) {
	const ours = "bind 127.0.0.1\n kubernetes {\n snapshot one.yaml\n }\n"
	for _, tt := range []struct{ name, corefile, at, want string }{
		{"one block", "cluster.local:0 {\n" + ours + "}\n", "dns://127.0.0.1:0", "cluster.local.=0"},
		{"in any letter case", "dns://Cluster.Local:0 {\n" + ours + "}\n", "dns://127.0.0.1:0", "cluster.local.=0"},
		{"at another address", "cluster.local:0 {\n" + ours + "}\n", "dns://127.0.0.2:0", ""},
		{"networks", "cluster.local:0 10.0.0.0/15:0 {\n" + ours + "}\n", "dns://127.0.0.1:0",
			"0.10.in-addr.arpa.=0 1.10.in-addr.arpa.=0 cluster.local.=0"},
		{"the root", ".:0 {\n bind 127.0.0.1\n kubernetes cluster.local in-addr.arpa {\n snapshot one.yaml\n }\n}\n", "dns://127.0.0.1:0", ".=0"},
		{"a zone that is not kubernetes's", "cluster.local:0 example.org:0 {\n bind 127.0.0.1\n kubernetes cluster.local {\n snapshot one.yaml\n }\n}\n",
			"dns://127.0.0.1:0", "cluster.local.=0 example.org."},
		{"a zone below", "cluster.local:0 {\n" + ours + "}\n shop.svc.cluster.local:0 {\n bind 127.0.0.1\n whoami\n}\n", "dns://127.0.0.1:0",
			"cluster.local.=0 shop.svc.cluster.local."},
		{"a zone below, at another address", "cluster.local:0 {\n" + ours + "}\n shop.svc.cluster.local:0 {\n bind 127.0.0.2\n whoami\n}\n",
			"dns://127.0.0.1:0", "cluster.local.=0"},
		{"the same zone, at another address", "cluster.local:0 {\n" + ours + "}\n cluster.local:0 {\n bind 127.0.0.2\n log\n" + ours[len("bind 127.0.0.1\n"):] + "}\n",
			"dns://127.0.0.1:0", "cluster.local.=0"},
		{"two of ours", "b.local:0 {\n" + ours + "}\n a.b.local:0 {\n" + ours + "}\n c.local:0 {\n log\n" + ours + "}\n",
			"dns://127.0.0.1:0", "a.b.local.=1 b.local.=0 c.local."},
		{"a view", "a.local:0 b.local:0 {\n" + ours + "}\n a.local:0 {\n bind 127.0.0.1\n view v {\n expr true\n }\n whoami\n}\n",
			"dns://127.0.0.1:0", "a.local. b.local.=0"},
		{"a snippet", "import snippets\n (mine) {\n nsid\n}\n cluster.local:0 {\n import quiet\n import mine\n" + ours + "}\n", "dns://127.0.0.1:0", "cluster.local.=0"},
		{"an import that logs", "cluster.local:0 {\n import block.conf\n" + ours + "}\n", "dns://127.0.0.1:0", ""},
		{"a variable", "{$EXPRESS_ZONE}:0 {\n {$EXPRESS_PLUGIN}\n" + ours + "}\n", "dns://127.0.0.1:0", "cluster.local.=0"},
		{"IPv6", "cluster.local:0 {\n bind ::1\n" + ours[len("bind 127.0.0.1\n"):] + "}\n", "dns://[::1]:0", "cluster.local.=0"},
		{"all addresses", "cluster.local:0 {\n" + ours[len("bind 127.0.0.1\n"):] + "}\n", "dns://:0", "cluster.local.=0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("EXPRESS_ZONE", "cluster.local")
			t.Setenv("EXPRESS_PLUGIN", "errors")
			if got := planned(t, tt.corefile).at(tt.at); got != tt.want {
				t.Errorf("%s\n at %s: %s, want %s", tt.corefile, tt.at, got, tt.want)
			}
		})
	}
}

// TestPlanBlock shows what the lane learns of the plugins beside kubernetes.
func TestPlanBlock(t *testing.T) {
	for _, tt := range []struct {
		plugins      string
		size         int
		rotate, nsid bool
		counts       bool
	}{
		{"", 1232, false, false, false},
		{"bufsize\n loadbalance\n nsid a", 1232, true, true, false},
		{"bufsize 4096\n prometheus 127.0.0.1:0", 4096, false, false, true},
		{"bufsize 512\n nsid\n errors\n prometheus 127.0.0.1:0\n loadbalance", 512, true, true, true},
	} {
		p := planned(t, "cluster.local:0 {\n bind 127.0.0.1\n "+tt.plugins+"\n kubernetes {\n snapshot one.yaml\n }\n}\n")
		z := p.zones("dns://127.0.0.1:0")[0]
		if b := z.Block; b.UDPSize != tt.size || b.Rotate != tt.rotate || b.NSID != tt.nsid || (z.Count != nil) != tt.counts {
			t.Errorf("%q: %+v, counted: %v", tt.plugins, b, z.Count != nil)
		}
	}
}
