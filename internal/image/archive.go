package image

import (
	"archive/tar"
	"os"
	"path/filepath"
)

// Archive writes a layout as one file, which is what `ctr image import` and `kind load
// image-archive` take.
func Archive(layout, file string) error {
	to, err := os.Create(file) // #nosec G304 -- named by the caller
	if err != nil {
		return err
	}
	if err := pack(to, layout, func(*tar.Header) {}); err != nil {
		_ = to.Close()
		return err
	}
	return to.Close()
}

// Size returns how many octets a folder's files have.
func Size(dir string) (size int64, err error) {
	err = filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil && i.Mode().IsRegular() {
			size += i.Size()
		}
		return err
	})
	return size, err
}
