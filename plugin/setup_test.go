package kubernetes

import (
	"bytes"
	golog "log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/neardns/neardns/plugin/zone"
)

// TestFollowerMistakes starts servers that can't get their records. The error names the line of
// the option that says where they come from.
func TestFollowerMistakes(t *testing.T) {
	dir := t.TempDir()
	bad := "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\nspec: {clusterIP: 10.96.0.256}\n"
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ options, want string }{
		{"ttl 5\n snapshot bad.yaml\n zonal", `Corefile:4 - Error during parsing: ` + dir + `/bad.yaml: document 1 (Service n/s): spec.clusterIP: "10.96.0.256" is not an IP address (line 4)`},
		{"snapshot none.yaml\n zonal\n ttl 5", "Corefile:3 - Error during parsing: " + dir + "/none.yaml: no such file"},
		{"zonal\n kubeconfig none\n ttl 5", "Corefile:4 - Error during parsing: "},
	} {
		text := ".:0 {\n kubernetes cluster.local {\n " + tt.options + "\n }\n bind 127.0.0.1\n}\n"
		in := caddy.CaddyfileInput{Contents: []byte(text), Filepath: filepath.Join(dir, "Corefile"), ServerTypeName: "dns"}
		if _, err := caddy.Start(in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.options, err, tt.want)
		}
	}
}

// TestReportMissing names the `namespaces` that do not exist.
func TestReportMissing(t *testing.T) {
	cfg, err := read("kubernetes {\nttl 5\nnamespaces ns gone\n}")
	if err != nil {
		t.Fatal(err)
	}
	store := zone.New(zone.Options{})
	w := zone.NewWriter(store)
	w.SetNamespace("ns")
	w.SetSynced()
	got := logged(t, func() { reportMissing(cfg, store) })
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, `Testfile:3: namespaces: there is no Namespace "gone"`) {
		t.Error(got)
	}
}

// logged returns what is logged meanwhile.
func logged(t *testing.T, do func()) string {
	t.Helper()
	log.queue.Flush(time.Minute) // what others logged
	var b bytes.Buffer
	golog.SetOutput(&b)
	defer golog.SetOutput(os.Stderr)
	do()
	log.queue.Flush(time.Minute)
	return b.String()
}
