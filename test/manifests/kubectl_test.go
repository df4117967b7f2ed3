package manifests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/neardns/neardns/test/netns"
)

// ways are the ways in which a cluster may have got its manifests. kubeadm creates them, and a
// later `kubectl apply` knows nothing of that.
var ways = []string{"create", "apply", "apply --server-side"}

// kubectl runs a shell command in a folder. Its kubectl is the real one.
func kubectl(t testing.TB, dir, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", `kubectl() { "$KUBERNETES" kubectl "$@"; }; `+command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "KUBERNETES="+kubernetes, "KUBECONFIG="+api.Kubeconfig())
	netns.Output(t, cmd)
}

// folder returns a folder with manifests/, like a clone of the repository.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "manifests"), os.DirFS(Dir())))
	return dir
}

// install installs objects in one of the ways. The end of the test deletes them.
func (c *client) install(dir, way string, objects Objects) {
	c.t.Helper()
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	must(c.t, err)
	must(c.t, os.WriteFile(filepath.Join(dir, "installed.json"), text, 0o600))
	c.cleanUp(objects)
	kubectl(c.t, dir, "kubectl "+way+" -f installed.json")
}

// get returns an object as the API server has it.
func (c *client) get(u *unstructured.Unstructured) *unstructured.Unstructured {
	c.t.Helper()
	got, err := c.of(u).Get(c.t.Context(), u.GetName(), metav1.GetOptions{})
	must(c.t, err)
	return got
}

// TestApplyOver applies an overlay over the official manifests, as README says. Afterwards the same
// runs as in a cluster that had nothing.
func TestApplyOver(t *testing.T) {
	const overlay = "overlays/iptables-nftables"
	objects := render(t, overlay)
	want, err := objects.ContainerOf("Deployment", "coredns", nodeName, nil)
	must(t, err)
	for _, way := range ways {
		t.Run("after "+way, func(t *testing.T) {
			secure(t, "privileged")
			c, dir := newClient(t), folder(t)
			c.install(dir, way, append(officialCoreDNS(t), officialNodeCache(t)...))
			c.cleanUp(objects)
			for range 2 {
				kubectl(t, dir, "kubectl apply -k manifests/"+overlay)
			}
			var live Objects
			for _, u := range objects {
				live = append(live, c.get(u))
			}
			got, err := live.ContainerOf("Deployment", "coredns", nodeName, nil)
			must(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, expected %+v", got, want)
			}
			if was, is := imageOf(t, objects.Find("Deployment", "coredns")), imageOf(t, live.Find("Deployment", "coredns")); was != is {
				t.Errorf("image %s, expected %s", is, was)
			}
			admitted(t, live, "privileged")
		})
	}
}
