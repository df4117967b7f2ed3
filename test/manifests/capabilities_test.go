package manifests

import (
	"slices"
	"testing"
	"time"

	"github.com/neardns/neardns/test/differential/peer"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestCapabilities takes each capability away. Neither program starts without one.
func TestCapabilities(t *testing.T) {
	ours, err := peer.Build(t.Context(), peer.Ours)
	must(t, err)
	objects := render(t, "overlays/iptables-nftables")
	for _, test := range []struct {
		kind, name, program string
		needs               []string
	}{
		{"Deployment", "coredns", ours, []string{"NET_BIND_SERVICE"}},
		{"DaemonSet", "nodecache", run.Program(), []string{"NET_ADMIN", "NET_BIND_SERVICE"}},
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
				cmd, err := less.Command(newRoot(t, test.program), "/"+test.name, c.Args...)
				must(t, err)
				p := run.Start(t, newPlace(t, "vn", nodeAddr).move(cmd), t.TempDir())
				if code := p.Wait(20 * time.Second); code < 1 {
					t.Errorf("exit code %d", code)
				}
				if len(p.Logged("operation not permitted"))+len(p.Logged("grant the capability "+missing)) == 0 {
					t.Errorf("it ends for another reason: %s", p.Log())
				}
			})
		}
	}
}
