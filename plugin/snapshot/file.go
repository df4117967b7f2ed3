package snapshot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxSize is more than the objects of any cluster take, so a larger file is a mistake. While it is
// read, YAML takes some 30 times its size in memory.
const maxSize = 256 << 20

// sight is how a file looked from outside. info is nil if there was none to be seen.
type sight struct{ info fs.FileInfo }

// look looks at a file. It follows symbolic links, so that it sees when a mounted ConfigMap's
// ..data is swapped.
func look(name string) sight {
	info, err := os.Stat(name)
	if err != nil {
		return sight{}
	}
	return sight{info}
}

// same reports whether the two sights can't be told apart.
func (a sight) same(b sight) bool {
	if a.info == nil || b.info == nil {
		return a.info == b.info
	}
	return os.SameFile(a.info, b.info) && a.info.Size() == b.info.Size() &&
		a.info.ModTime().Equal(b.info.ModTime()) && a.info.Mode() == b.info.Mode()
}

var errIrregular = errors.New("not a regular file")

// read returns the content of a file of at most limit bytes, and how the file looked after that was
// read.
func read(name string, limit int64) ([]byte, sight, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, sight{}, named(name, err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, sight{}, named(name, errIrregular)
	}
	if info.Size() > limit {
		return nil, sight{}, tooLarge(name, limit)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, sight{}, named(name, err)
	}
	defer func() { _ = f.Close() }()
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead)) // once: a large file needs no more memory than its size
	if _, err = data.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, sight{}, named(name, err)
	}
	if int64(data.Len()) > limit {
		return nil, sight{}, tooLarge(name, limit)
	}
	if info, err = f.Stat(); err != nil {
		return nil, sight{}, named(name, err)
	}
	return data.Bytes(), sight{info}, nil
}

func tooLarge(name string, limit int64) error {
	return fmt.Errorf("%s: larger than %d MiB", name, limit>>20)
}

// named puts the file's name before the error, as all errors about its content have it.
func named(name string, err error) error { return fmt.Errorf("%s: %w", name, cause(err)) }

// cause returns an error of the operating system without the names of files.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// digest is different for different contents.
func digest(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }
