package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// folders are all folders that can be applied.
func folders(t testing.TB) (all []string) {
	t.Helper()
	for _, pattern := range []string{"overlays/*", "network-policies/*"} {
		found, err := filepath.Glob(filepath.Join(Dir(), pattern))
		must(t, err)
		for _, path := range found {
			name, err := filepath.Rel(Dir(), path)
			must(t, err)
			all = append(all, name)
		}
	}
	return all
}

// text returns what a folder below dir renders to.
func text(t testing.TB, dir, folder string) string {
	t.Helper()
	objects, err := Render(filepath.Join(dir, folder))
	must(t, err)
	var all strings.Builder
	for _, u := range objects {
		part, err := yaml.Marshal(u.Object)
		must(t, err)
		all.Write(part)
	}
	return all.String()
}

// TestValues changes each value in its one place. It changes wherever it is rendered, and nothing
// else changes.
func TestValues(t *testing.T) {
	const values = "cluster/values.yaml"
	for _, test := range []struct {
		file, from, to string
		in             int // how many folders render it
	}{
		{values, "cluster.local", "k8s.example", 7},  // all overlays but those that take over
		{values, "10.96.0.10", "172.20.0.53", 8},     // as well as one policy
		{values, "169.254.20.10", "169.254.99.1", 6}, // those with a node cache on the host network,
		{values, "fd00:10:96::a", "fd00:77::53", 2},
		{values, "fd00:20::10", "fd00:78::10", 2},
		{values, "192.168.0.0/16", "172.31.0.0/20", 1},
		{"images/kustomization.yaml", "newTag: dev", "newTag: v9.8.7", 9},
	} {
		t.Run(test.from, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS(Dir())))
			path := filepath.Join(dir, test.file)
			before, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(before), test.from, test.to)), 0o600))
			from, to := strings.TrimPrefix(test.from, "newTag: "), strings.TrimPrefix(test.to, "newTag: ")
			word := regexp.MustCompile(`\b` + regexp.QuoteMeta(from) + `(/32|/128)?(\n|\z)`)
			in := 0
			for _, folder := range folders(t) {
				was, is := text(t, Dir(), folder), text(t, dir, folder)
				if want := word.ReplaceAllString(was, to+"$1$2"); is != want {
					t.Errorf("%s: changed elsewhere, or not everywhere:\n%s", folder, is)
				}
				if is != was {
					in++
				}
			}
			if in != test.in {
				t.Errorf("rendered in %d folders, expected %d", in, test.in)
			}
		})
	}
}

// TestFilled shows that no placeholder is left in what is rendered.
func TestFilled(t *testing.T) {
	placeholder := regexp.MustCompile(`(: |- |/)(CLUSTER_DOMAIN|CLUSTER_IP6?|LINK_LOCAL6?|NODES)\b`)
	for _, folder := range folders(t) {
		for line := range strings.Lines(text(t, Dir(), folder)) {
			if placeholder.MatchString(line) && !strings.Contains(line, "name: ") {
				t.Errorf("%s: %s", folder, line)
			}
		}
	}
}

// TestImages shows that images are named without a registry: that differs between clusters.
func TestImages(t *testing.T) {
	for _, folder := range folders(t) {
		for line := range strings.Lines(text(t, Dir(), folder)) {
			name, ok := strings.CutPrefix(strings.TrimSpace(strings.ReplaceAll(line, "- ", "")), "image: ")
			if ok && name != "neardns/coredns:dev" && name != "neardns/nodecache:dev" {
				t.Errorf("%s: image %s", folder, name)
			}
		}
	}
}
