package hosts

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxSize of a hosts file, in bytes. The largest block lists are a tenth of it.
const maxSize = 64 << 20

// readChanged returns the text of a file and what it was like before it was read, or neither
// if its time and size are those of last, which is nil if there is no last time.
func readChanged(path string, last fs.FileInfo) (text []byte, info fs.FileInfo, err error) {
	// A FIFO without a writer would keep a plain open waiting for ever, open(2).
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // #nosec G304 -- the Corefile names it
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err = file.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxSize:
		return nil, nil, fmt.Errorf("%s is longer than %d bytes", path, maxSize)
	case last != nil && info.ModTime().Equal(last.ModTime()) && info.Size() == last.Size():
		return nil, nil, nil
	}
	text, err = io.ReadAll(io.LimitReader(file, maxSize)) // if it grows meanwhile, the next look sees that
	return text, info, err
}
