package nodecache

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestMemoryLimit shows that the node cache divides the memory that its cgroup allows, version 1 or
// 2, and that the garbage collector gets its part. The test's own files take the place of the
// kernel's in /proc, in a mount namespace. That needs root and unshare(1).
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for version, test := range map[string]struct{ cgroup, mount, file string }{
		"v2": {"0::/pod", "cgroup2 cgroup2 rw", "memory.max"},
		"v1": {"4:memory:/pod", "cgroup cgroup rw,memory", "memory.limit_in_bytes"},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			addr, metrics, dir := testkit.FreeAddr(t), testkit.FreeAddr(t), t.TempDir()
			run.Write(t, dir, "Corefile", simple("127.0.0.1:1", "", addr))
			run.Write(t, dir, "cgroup", test.cgroup+"\n")
			run.Write(t, dir, "mountinfo", "30 20 0:26 / "+dir+"/cgroups rw - "+test.mount+"\n")
			run.Write(t, dir, "limit", "268435456\n")
			const script = `mkdir -p cgroups/pod; mv limit "cgroups/pod/$0"
for name in cgroup mountinfo; do mount --bind $name /proc/$$/$name; done
exec "$@"`
			args := []string{"--mount", "sh", "-ec", script, test.file, run.Program(), "-conf", filepath.Join(dir, "Corefile"), "-metrics-listen-address", metrics.String()}
			node := &run.Node{Process: run.Start(t, exec.Command("unshare", args...), dir), Metrics: metrics}
			node.Logs("bounds", "memory.limit=268435456", "memory.cache=")
			node.Answers(addr)
			if heap := node.Scrape().Sum("go_gc_gomemlimit_bytes"); heap < 268435456/2 || heap > 268435456*9/10 {
				t.Errorf("GOMEMLIMIT is %v", heap)
			}
		})
	}
}
