// Package ownbuild tests what we say about CoreDNS's own source: the second of README's ways to use the
// plugin, one line in the plugin.cfg of one's own build, and the patch of docs/upstream.
package ownbuild

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

const (
	ours    = "kubernetes:github.com/neardns/neardns/plugin"
	stock   = "kubernetes:kubernetes"
	without = "k8s_external:k8s_external\n" // it imports the stock plugin
)

const records = `
apiVersion: v1
kind: Namespace
metadata: {name: my-ns}
---
apiVersion: v1
kind: Service
metadata: {name: my-svc, namespace: my-ns}
spec: {clusterIP: 10.96.0.20, ports: [{name: http, port: 80}]}
`

// TestOwnBuild takes CoreDNS's source, changes the line, builds as CoreDNS's documentation
// says, and asks the result.
func TestOwnBuild(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source := strings.TrimSpace(command(t, root, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns"))
	copySource(t, dir, source)
	editPluginCfg(t, filepath.Join(dir, "plugin.cfg"))
	command(t, dir, "go", "mod", "edit", "-require=github.com/neardns/neardns@v0.0.0", "-replace=github.com/neardns/neardns="+root)
	command(t, dir, "go", "generate", "coredns.go")
	command(t, dir, "go", "build", "-mod=mod", "-o", "coredns", ".")
	if plugins := command(t, dir, "./coredns", "-plugins"); !strings.Contains(plugins, "kubernetes\n") || strings.Contains(plugins, "k8s_external") {
		t.Errorf("plugins: %s", plugins)
	}
	askBuilt(t, dir)
}

// copySource copies a module out of the module cache, which is read-only.
func copySource(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, path)
		if err != nil || relErr != nil {
			return fmt.Errorf("%v, %v", err, relErr)
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func editPluginCfg(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), stock) || !strings.Contains(string(text), without) {
		t.Fatalf("%s has no line %s or %s", file, stock, without)
	}
	edited := strings.NewReplacer(stock, ours, without, "").Replace(string(text))
	if err := os.WriteFile(file, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
}

func askBuilt(t *testing.T, dir string) {
	t.Helper()
	addr := testkit.FreeAddr(t)
	run.Write(t, dir, "Corefile", fmt.Sprintf(".:%d {\n\tbind 127.0.0.1\n\tkubernetes cluster.local {\n\t\tsnapshot records.yaml\n\t}\n}\n", addr.Port()))
	run.Write(t, dir, "records.yaml", records)
	p := run.Start(t, exec.Command(filepath.Join(dir, "coredns"), "-conf", "Corefile"), dir)
	m := new(dns.Msg).SetQuestion("my-svc.my-ns.svc.cluster.local.", dns.TypeA)
	p.Eventually("it answers with the Service's address", func() bool {
		r, err := dns.Exchange(m, addr.String())
		return err == nil && len(r.Answer) == 1 && r.Answer[0].(*dns.A).A.String() == "10.96.0.20"
	})
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
