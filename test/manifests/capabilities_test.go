package manifests

import (
	"slices"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestCapabilities takes each capability away. Neither program starts without one.
func TestCapabilities(t *testing.T) {
	objects := render(t, "overlays/iptables-nftables")
	for _, test := range []struct {
		kind, name string
		needs      []string
	}{
		{"Deployment", "coredns", []string{"NET_BIND_SERVICE"}},
		{"DaemonSet", "nodecache", []string{"NET_ADMIN", "NET_BIND_SERVICE"}},
	} {
		c, err := objects.ContainerOf(test.kind, test.name, nodeName, map[string]string{"KUBE_DNS_UPSTREAM_SERVICE_HOST": "10.96.0.11"})
		must(t, err)
		if !slices.Equal(c.Capabilities, test.needs) {
			t.Errorf("%s: %v, expected %v", test.name, c.Capabilities, test.needs)
		}
		for i, missing := range c.Capabilities {
			t.Run(test.name+" without "+missing, func(t *testing.T) {
				less := *c
				less.Capabilities = slices.Delete(slices.Clone(c.Capabilities), i, i+1)
				cmd, err := less.Command(newRoot(t, test.name), "/"+test.name, c.Args...)
				must(t, err)
				p := run.Start(t, newPlace(t, "vn", nodeAddr).move(cmd), t.TempDir())
				if code := p.Wait(testkit.Patience); code < 1 {
					t.Errorf("exit code %d", code)
				}
				if len(p.Logged("operation not permitted"))+len(p.Logged("grant the capability "+missing)) == 0 {
					t.Errorf("it ends for another reason: %s", p.Log())
				}
			})
		}
	}
}
