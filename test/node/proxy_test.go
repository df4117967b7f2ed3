package node

import (
	"os/exec"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// startProxy starts kube-proxy in the world's mode.
func (w *world) startProxy() {
	w.t.Helper()
	config, err := w.KubeconfigFor("system:kube-proxy", "system:masters")
	w.must(err)
	args := []string{
		"kube-proxy", "--kubeconfig=" + config, "--proxy-mode=" + w.mode, "--hostname-override=" + nodeName,
		"--cluster-cidr=10.244.0.0/16,fd00:244::/32", "--healthz-bind-address=" + testkit.FreeAddr(w.t).String(), "--metrics-bind-address=" + testkit.FreeAddr(w.t).String(),
		// These would set sysctls of the whole machine.
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	}
	run.Start(w.t, exec.Command(kubernetes, args...), w.t.TempDir())
	w.t.Cleanup(func() { // after it has ended
		_ = exec.Command(kubernetes, "kube-proxy", "--cleanup").Run()
		_ = exec.Command("nft", "flush", "ruleset").Run()
	})
}
