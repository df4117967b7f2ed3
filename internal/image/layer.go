package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layer makes one of a root file system.
func (p Program) layer(dir string) (v1.Layer, error) {
	var all bytes.Buffer
	if err := pack(&all, dir, p.mark); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(all.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithCompressedCaching)
}

// mark makes the binary one that all may execute, and gives it the capability, whether or not
// the folder's file has it.
func (p Program) mark(h *tar.Header) {
	if h.Name != p.Name {
		return
	}
	h.Mode = 0o755
	if capability := p.fileCapability(); capability != nil {
		h.PAXRecords = map[string]string{"SCHILY.xattr." + xattr: string(capability)}
	}
}
