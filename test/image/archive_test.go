package image

import (
	"archive/tar"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/neardns/neardns/internal/image"
)

const commit = "0123456789ab"

// program finds one by its name.
func program(t *testing.T, name string) image.Program {
	t.Helper()
	i := slices.IndexFunc(image.Programs, func(p image.Program) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no program %s", name)
	}
	return image.Programs[i]
}

// source returns the folder of the repository.
func source(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestSameBytes builds the node cache here and in a copy of the repository elsewhere.
func TestSameBytes(t *testing.T) {
	copied := t.TempDir()
	out, err := exec.Command("sh", "-ec", "cd ../.. && git ls-files -z | tar -c --null -T - | tar -x -C "+copied).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := program(t, "nodecache")
	for _, arch := range image.Architectures {
		var digests []v1.Hash
		for _, from := range []string{source(t), copied} {
			root := filepath.Join(t.TempDir(), "root")
			if err := (image.Build{Source: from, Commit: commit}).Root(t.Context(), p, arch, root); err != nil {
				t.Fatal(err)
			}
			img, err := p.Image(root, arch, commit)
			if err != nil {
				t.Fatal(err)
			}
			digest, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, digest)
			size, err := image.Size(root)
			if err != nil || size > 20e6 {
				t.Errorf("%s: %d octets, expected 20 MB at most, %v", arch, size, err)
			}
			t.Logf("nodecache %s: %.1f MB", arch, float64(size)/1e6)
		}
		if digests[0] != digests[1] {
			t.Errorf("%s: two builds of the same source differ: %v", arch, digests)
		}
	}
}

// TestLayout reads an image back from the archive that containerd and kind take.
func TestLayout(t *testing.T) {
	for _, test := range []struct{ name, user, capability string }{
		{"coredns", "65532:65532", "010000020004000000000000" + "0000000000000000"}, // NET_BIND_SERVICE, permitted and effective
		{"nodecache", "0:0", ""},
	} {
		p := program(t, test.name)
		root := filepath.Join(t.TempDir(), "root")
		if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, p.Name), []byte("a program"), 0o755); err != nil {
			t.Fatal(err)
		}
		images := map[string]v1.Image{}
		for _, arch := range image.Architectures {
			img, err := p.Image(root, arch, commit)
			if err != nil {
				t.Fatal(err)
			}
			images[arch] = img
		}
		dir := t.TempDir()
		if err := image.Layout(filepath.Join(dir, "oci"), "neardns/"+p.Name+":dev", images); err != nil {
			t.Fatal(err)
		}
		if err := image.Archive(filepath.Join(dir, "oci"), filepath.Join(dir, "tar")); err != nil {
			t.Fatal(err)
		}
		back := filepath.Join(dir, "back")
		if out, err := exec.Command("sh", "-ec", "mkdir "+back+"; tar -x -f "+dir+"/tar -C "+back).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		checkIndex(t, p, back, test.user, test.capability)
	}
}

// checkIndex looks at what a layout holds.
func checkIndex(t *testing.T, p image.Program, dir, user, capability string) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := index.IndexManifest()
	if err != nil || len(top.Manifests) != 1 {
		t.Fatalf("%v, %v", top, err)
	}
	name := top.Manifests[0].Annotations["io.containerd.image.name"]
	if !strings.HasSuffix(name, "/neardns/"+p.Name+":dev") || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "dev" {
		t.Errorf("annotations %v", top.Manifests[0].Annotations)
	}
	all, err := index.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := all.IndexManifest()
	if err != nil || len(manifest.Manifests) != len(image.Architectures) {
		t.Fatalf("%v, %v", manifest, err)
	}
	for i, d := range manifest.Manifests {
		img, err := all.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if arch := image.Architectures[i]; c.Architecture != arch || d.Platform.Architecture != arch || c.OS != "linux" {
			t.Errorf("%s: %s, %v", arch, c.Architecture, d.Platform)
		}
		if c.Config.User != user || !slices.Equal(c.Config.Entrypoint, []string{"/" + p.Name}) ||
			c.Config.Labels["org.opencontainers.image.revision"] != commit || c.Config.Labels["org.opencontainers.image.title"] != p.Name {
			t.Errorf("%+v", c.Config)
		}
		if got := capabilityIn(t, img, p.Name); got != capability {
			t.Errorf("%s: capability %q, expected %q", p.Name, got, capability)
		}
	}
}

// capabilityIn returns the file capability of a program in an image, in hexadecimal digits.
func capabilityIn(t *testing.T, img v1.Image, name string) string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	text, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = text.Close() }()
	for r := tar.NewReader(text); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("no %s in the layer", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s: %+v", h.Name, h)
		}
		if h.Name == name {
			return hex.EncodeToString([]byte(h.PAXRecords["SCHILY.xattr.security.capability"]))
		}
	}
}

// TestNames wants a name with a tag.
func TestNames(t *testing.T) {
	for _, name := range []string{"neardns/coredns", "Not:a:name", ""} {
		if err := image.Layout(t.TempDir(), name, nil); err == nil || !strings.Contains(err.Error(), "image name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
