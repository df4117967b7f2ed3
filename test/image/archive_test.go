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
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/neardns/neardns/internal/image"
)

// small returns a root file system with a text file for a program.
func small(t *testing.T, p image.Program) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, p.Name), []byte("a program"), 0o755))
	return root
}

// TestLayout reads an image back from the archive that containerd and kind take.
func TestLayout(t *testing.T) {
	for _, test := range []struct{ name, user, capability string }{
		{"coredns", "65532:65532", "010000020004000000000000" + "0000000000000000"}, // NET_BIND_SERVICE, permitted and effective
		{"nodecache", "0:0", ""},
	} {
		p := program(t, test.name)
		root := small(t, p)
		images := map[string]v1.Image{}
		for _, arch := range image.Architectures {
			img, err := p.Image(root, arch, commit)
			must(t, err)
			images[arch] = img
		}
		dir := t.TempDir()
		must(t, image.Layout(filepath.Join(dir, "oci"), "neardns/"+p.Name+":dev", images))
		must(t, image.Archive(filepath.Join(dir, "oci"), filepath.Join(dir, "tar")))
		checkIndex(t, p, unpack(t, filepath.Join(dir, "tar")), test.user, test.capability)
	}
}

// unpack unpacks an archive into a folder and returns that.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	to := t.TempDir()
	if out, err := exec.Command("tar", "-x", "-f", archive, "-C", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return to
}

// checkIndex checks the index of a layout.
func checkIndex(t *testing.T, p image.Program, dir, user, capability string) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	must(t, err)
	top, err := index.IndexManifest()
	if err != nil || len(top.Manifests) != 1 {
		t.Fatalf("%v, %v", top, err)
	}
	name := top.Manifests[0].Annotations["io.containerd.image.name"]
	if !strings.HasSuffix(name, "/neardns/"+p.Name+":dev") || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "dev" {
		t.Errorf("annotations %v", top.Manifests[0].Annotations)
	}
	all, err := index.ImageIndex(top.Manifests[0].Digest)
	must(t, err)
	manifest, err := all.IndexManifest()
	if err != nil || len(manifest.Manifests) != len(image.Architectures) {
		t.Fatalf("%v, %v", manifest, err)
	}
	for i, d := range manifest.Manifests {
		img, err := all.Image(d.Digest)
		must(t, err)
		c, err := img.ConfigFile()
		must(t, err)
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
	if m, err := layers[0].MediaType(); m != types.OCILayer || err != nil {
		t.Errorf("layer of type %s, %v", m, err)
	}
	text, err := layers[0].Uncompressed()
	must(t, err)
	defer func() { _ = text.Close() }()
	for r := tar.NewReader(text); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("no %s in the layer", name)
		}
		must(t, err)
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s: %+v", h.Name, h)
		}
		if h.Name == name {
			return hex.EncodeToString([]byte(h.PAXRecords["SCHILY.xattr.security.capability"]))
		}
	}
}

// TestNames shows that an image needs a name with a tag.
func TestNames(t *testing.T) {
	for _, name := range []string{"neardns/coredns", "Not:a:name", ""} {
		if err := image.Layout(t.TempDir(), name, nil); err == nil || !strings.Contains(err.Error(), "image name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
