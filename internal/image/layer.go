package image

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// layer makes one of a root file system. Names are sorted, times are none, and all is root's:
// the same folder gives the same bytes.
func (p Program) layer(dir string) (v1.Layer, error) {
	var all bytes.Buffer
	w := tar.NewWriter(&all)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		return p.add(w, dir, path, e)
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(all.Bytes())), nil })
}

// add adds a file or folder. The capability is put on the binary here, whether or not the
// folder's file has it.
func (p Program) add(w *tar.Writer, dir, path string, e fs.DirEntry) error {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: 0o644, Format: tar.FormatPAX, ModTime: time.Unix(0, 0)}
	if e.IsDir() {
		h.Name, h.Mode, h.Typeflag = name+"/", 0o755, tar.TypeDir
		return w.WriteHeader(h)
	}
	text, err := os.ReadFile(path) // #nosec G304 -- what Root wrote
	if err != nil {
		return err
	}
	h.Size = int64(len(text))
	if name == p.Name {
		h.Mode = 0o755
		if capability := p.fileCapability(); capability != nil {
			h.PAXRecords = map[string]string{"SCHILY.xattr." + xattr: string(capability)}
		}
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
