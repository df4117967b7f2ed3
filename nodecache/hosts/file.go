package hosts

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Defaults of CoreDNS.
const (
	DefaultPath   = "/etc/hosts"
	DefaultTTL    = 3600 // seconds; `ttl`
	DefaultReload = 5 * time.Second
)

// Config is what a `hosts` directive says.
type Config struct {
	Path   string
	Inline string // lines in the directive itself, in the form of a hosts file
	Options
	Reload time.Duration // how often to look whether the file has changed; 0: never after the start

	// Report gets each Fault, and the reason why the file can't be read: once, until it can be
	// read again. Open and Run call it.
	Report func(error)

	// Loaded gets each Table that becomes the current one, and the modification time of its
	// file. Open and Run call it. It may be nil.
	Loaded func(t *Table, modified time.Time)
}

// File is a hosts file and the entries beside it.
type File struct {
	conf    Config
	inline  *Table
	current atomic.Pointer[version]
	failed  bool // the last look failed; only Open uses it, and then only Run
}

// version is what one look has read. info is nil as long as there was no file.
type version struct {
	table *Table
	info  fs.FileInfo
}

// Open reads the file and the inline lines. If it can't read the file, it takes the inline lines
// alone: the file may come later.
func Open(c Config) *File {
	f := &File{conf: c}
	var faults []Fault
	f.inline, faults = Parse("inline hosts entries", []byte(c.Inline), c.Options)
	f.report(faults)
	f.current.Store(&version{table: f.inline})
	f.look()
	return f
}

// Table returns the current entries: the file's, then the inline ones.
func (f *File) Table() *Table { return f.current.Load().table }

// Run looks at the file every Config.Reload until ctx ends. If Reload is 0, it returns at once. Call
// it once.
func (f *File) Run(ctx context.Context) {
	if f.conf.Reload <= 0 {
		return
	}
	ticker := time.NewTicker(f.conf.Reload)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.look()
		}
	}
}

// look reads the file if it has changed. If it can't read it, the entries stay as they are.
func (f *File) look() {
	text, info, err := readChanged(f.conf.Path, f.current.Load().info)
	if err != nil && !f.failed {
		f.conf.Report(fmt.Errorf("hosts file: %w; until that is put right, entries stay as they are", err))
	}
	f.failed = err != nil
	if err != nil || info == nil {
		return
	}
	table, faults := Parse(f.conf.Path, text, f.conf.Options)
	f.report(faults)
	f.current.Store(&version{table.With(f.inline), info})
	if f.conf.Loaded != nil {
		f.conf.Loaded(f.Table(), info.ModTime())
	}
}

func (f *File) report(faults []Fault) {
	for _, fault := range faults {
		f.conf.Report(fault)
	}
}

// maxSize is the largest hosts file that is read, in bytes. The largest block lists have a tenth.
const maxSize = 64 << 20

// readChanged returns the text of a file, and its time and size from before it was read. If they are
// the same as last's, it returns neither. last is nil for the first look.
func readChanged(path string, last fs.FileInfo) (text []byte, info fs.FileInfo, err error) {
	// A plain open of a FIFO without a writer never returns (open(2)).
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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
	text, err = io.ReadAll(io.LimitReader(file, maxSize)) // if it grows meanwhile, the next look finds another size
	return text, info, err
}
