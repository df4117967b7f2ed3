// Package fences keeps the imports of the house one-way.
package fences

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/neardns/neardns/"

// fence forbids packages, by the beginning of their paths, to a package and all that it imports.
type fence struct {
	of     string
	forbid map[string]string // path prefix -> why
}

var fences = []fence{
	{"plugin/zone", map[string]string{
		"github.com/coredns/":  "records know nothing of the server that serves them",
		"github.com/miekg/dns": "the store holds values; plugin makes records of them",
		"k8s.io/":              "API objects end in plugin/object",
		"sigs.k8s.io/":         "API objects end in plugin/object",
	}},
	{"plugin/reply", map[string]string{
		"github.com/coredns/":  "what a reply holds is decided once, for CoreDNS's front and for the one beside it",
		"github.com/miekg/dns": "what a reply holds are values; each front writes them in its own way",
		"k8s.io/":              "API objects end in plugin/object",
		"sigs.k8s.io/":         "API objects end in plugin/object",
	}},
	{"plugin/front", map[string]string{
		"k8s.io/": "sockets know nothing of the API",
	}},
	{"plugin/lane", map[string]string{
		"github.com/coredns/":  "the lane saves a query the way through CoreDNS; what needs it is passed on",
		"github.com/miekg/dns": "a query and its answer are bytes",
		"k8s.io/":              "API objects end in plugin/object",
		"sigs.k8s.io/":         "API objects end in plugin/object",
	}},
	{"plugin/count", map[string]string{
		"k8s.io/": "queries are all it counts",
	}},
	{"plugin/proof", map[string]string{
		"github.com/coredns/": "whoever judges the lane by CoreDNS is neither of them",
		"k8s.io/":             "messages are all it knows",
		"sigs.k8s.io/":        "messages are all it knows",
	}},
	{"plugin/object", map[string]string{
		"k8s.io/client-go/":   "a translation needs types, no client",
		"github.com/coredns/": "a translation knows nothing of the server",
	}},
	{"plugin/snapshot", map[string]string{
		"k8s.io/client-go/":   "a snapshot needs no API server",
		"github.com/coredns/": "a follower knows nothing of the server",
	}},
	{"internal/wire", map[string]string{
		"github.com/": "bytes need the standard library only",
		"k8s.io/":     "bytes need the standard library only",
	}},
	{"cmd/coredns", map[string]string{
		"github.com/google/go-containerregistry": "images are built beside the programs, not by them",
	}},
	{"plugin/kube", map[string]string{
		"github.com/coredns/":         "a follower knows nothing of the server",
		"k8s.io/client-go/kubernetes": "the typed clientset brings every API group: memory, and megabytes of binary",
	}},
}

// direct forbids an import to one package's own files.
var direct = map[string]map[string]string{
	"plugin": {"k8s.io/client-go/": "client-go is imported below plugin/kube only"},
}

func TestFences(t *testing.T) {
	for _, f := range fences {
		check(t, f.of, f.forbid, list(t, "-deps", "./../../"+f.of))
	}
	for of, forbid := range direct {
		check(t, of, forbid, list(t, "-f", `{{join .Imports "\n"}}`, "./../../"+of))
	}
}

func check(t *testing.T, of string, forbid map[string]string, imports []string) {
	t.Helper()
	if len(imports) == 0 {
		t.Errorf("%s imports nothing: is it there?", of)
	}
	for _, path := range imports {
		for prefix, why := range forbid {
			if strings.HasPrefix(path, prefix) && !strings.HasPrefix(path, module) {
				t.Errorf("%s imports %s: %s", of, path, why)
			}
		}
	}
}

// TestHalves shows that the two halves of the product never import each other.
func TestHalves(t *testing.T) {
	for of, other := range map[string]string{"cmd/coredns": "nodecache", "cmd/nodecache": "plugin"} {
		for _, path := range list(t, "-deps", "./../../"+of) {
			if strings.HasPrefix(path, module+other) {
				t.Errorf("%s imports %s", of, path)
			}
		}
	}
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}

// TestKit shows that only tests, and packages below test/, import the test kit.
func TestKit(t *testing.T) {
	const imports = `{{$p := .ImportPath}}{{range .Imports}}{{$p}}>{{.}}{{"\n"}}{{end}}`
	for _, line := range list(t, "-f", imports, "./../../...") {
		of, path, _ := strings.Cut(strings.TrimPrefix(line, module), ">")
		if path == module+"internal/testkit" && !strings.HasPrefix(of, "test/") {
			t.Errorf("%s imports %s, which is for tests only", of, path)
		}
	}
}
