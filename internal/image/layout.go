package image

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image makes the image of a root file system, for an architecture and with a commit in its labels.
func (p Program) Image(dir, arch, commit string) (v1.Image, error) {
	l, err := p.layer(dir)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, l)
	if err != nil {
		return nil, err
	}
	config := &v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{
		Entrypoint: []string{"/" + p.Name}, User: p.User, WorkingDir: "/", Labels: p.labels(commit), ExposedPorts: map[string]struct{}{},
	}}
	for _, port := range p.Ports {
		config.Config.ExposedPorts[port] = struct{}{}
	}
	before, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.RootFS, config.History = before.RootFS, []v1.History{{CreatedBy: "make images"}}
	return mutate.ConfigFile(img, config)
}

// layer makes a layer of a root file system.
func (p Program) layer(dir string) (v1.Layer, error) {
	var all bytes.Buffer
	if err := pack(&all, dir, p.mark); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(all.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithCompressedCaching)
}

// labels returns the labels that the OCI image specification names as annotations.
func (p Program) labels(commit string) map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title": p.Name, prefix + "description": p.Description, prefix + "revision": commit,
		prefix + "source": "https://github.com/neardns/neardns", prefix + "licenses": "Apache-2.0",
	}
}

// Layout writes an OCI image layout with an index of all architectures into a folder that it empties
// first. The name of the image has a tag, for example neardns/coredns:dev.
func Layout(dir, name string, images map[string]v1.Image) error {
	full, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return fmt.Errorf("image name %q: %w", name, err)
	}
	tagged, ok := full.(reference.Tagged)
	if !ok {
		return fmt.Errorf("image name %q: no tag, expected one such as %s:dev", name, name)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range Architectures {
		img := images[arch]
		if img == nil {
			continue
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	// The name of the image for containerd, and its name for others.
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name": full.String(), "org.opencontainers.image.ref.name": tagged.Tag(),
	}))
}

// Architectures are all architectures that we build images for.
var Architectures = []string{"amd64", "arm64"}
