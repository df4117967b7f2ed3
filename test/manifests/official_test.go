package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// What an installer puts in the place of the variables of the official manifests: see
// coredns.yaml.sed, and nodelocaldns' README.md.
var installed = strings.NewReplacer(
	"__DNS__DOMAIN__", "cluster.local", "__DNS__SERVER__", "10.96.0.10", "__DNS__MEMORY__LIMIT__", "170Mi",
	"__PILLAR__DNS__DOMAIN__", "cluster.local", "__PILLAR__DNS__SERVER__", "10.96.0.10", "__PILLAR__LOCAL__DNS__", "169.254.20.10",
)

// official returns an official manifest of the API server's Kubernetes version.
func official(t testing.TB, path string) (all Objects) {
	t.Helper()
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes")
	list.Dir = filepath.Join(Dir(), "..", "test", "apiserver")
	list.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	dir, err := list.Output()
	must(t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "cluster", "addons", "dns", path))
	must(t, err)
	for part := range strings.SplitSeq(installed.Replace(string(text)), "\n---\n") {
		u := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal([]byte(part), &u.Object))
		all = append(all, u)
	}
	return all
}

// TestOfficialCorefile shows that the node cache's tests use the Corefile of the official manifest.
func TestOfficialCorefile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(Dir(), "..", "nodecache", "corefile", "testdata", "nodelocaldns.Corefile"))
	must(t, err)
	want, _, err := unstructured.NestedString(officialNodeCache(t).Find("ConfigMap", "node-local-dns").Object, "data", "Corefile")
	must(t, err)
	if got := installed.Replace(string(text)); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func officialCoreDNS(t testing.TB) Objects   { return official(t, "coredns/coredns.yaml.base") }
func officialNodeCache(t testing.TB) Objects { return official(t, "nodelocaldns/nodelocaldns.yaml") }
