package image

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// pack writes the content of a folder as a tar. It sorts the names, leaves out times, and makes root
// the owner of everything: the same content gives the same bytes. The function change may change a
// header before it is written.
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
	text, err := os.ReadFile(path)
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

// Archive writes a layout as one file, for `ctr image import` and `kind load image-archive`.
func Archive(layout, file string) error {
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pack(to, layout, func(*tar.Header) {}); err != nil {
		_ = to.Close()
		return err
	}
	return to.Close()
}

// Size returns the size of all files in a folder, in bytes.
func Size(dir string) (size int64, err error) {
	err = filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil && i.Mode().IsRegular() {
			size += i.Size()
		}
		return err
	})
	return size, err
}
