package image

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// pack writes what a folder holds as a tar. Names are sorted, times are none, and all is
// root's: the same folder gives the same bytes. A header may be changed before it is written.
func pack(to io.Writer, dir string, change func(*tar.Header)) error {
	w := tar.NewWriter(to)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		return add(w, dir, path, e, change)
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// add adds a file or folder.
func add(w *tar.Writer, dir, path string, e fs.DirEntry, change func(*tar.Header)) error {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: 0o644, Format: tar.FormatPAX, ModTime: time.Unix(0, 0)}
	if e.IsDir() {
		h.Name, h.Mode, h.Typeflag = name+"/", 0o755, tar.TypeDir
		return w.WriteHeader(h)
	}
	text, err := os.ReadFile(path) // #nosec G304 -- what this package wrote
	if err != nil {
		return err
	}
	h.Size = int64(len(text))
	change(h)
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
