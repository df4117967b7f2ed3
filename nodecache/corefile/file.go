package corefile

import (
	"fmt"
	"io"
	"os"
)

// maxFile is as large as a file may be that is read here; a ConfigMap is no larger.
const maxFile = 1 << 20

// readFile reads a regular file. A Corefile can name any, and a pipe or a device might never
// end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return text, err
}
