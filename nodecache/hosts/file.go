package hosts

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"
)

// CoreDNS's defaults.
const (
	DefaultPath   = "/etc/hosts"
	DefaultTTL    = 3600 // seconds; `ttl`
	DefaultReload = 5 * time.Second
)

// Config is what a `hosts` directive says.
type Config struct {
	Path   string
	Inline string // lines in the directive itself, as of a hosts file
	Options
	Reload time.Duration // how often the file is looked at; 0 for once, at the start

	// Report takes what goes wrong: a Fault, or why the file can't be read, once until it
	// can. It is called by Open and by Run.
	Report func(error)

	// Loaded is told of each Table that becomes the current one, and the time of the file it
	// is from. It is called by Open and by Run, and may be nil.
	Loaded func(t *Table, modified time.Time)
}

// File is a hosts file and the entries beside it.
type File struct {
	conf    Config
	inline  *Table
	current atomic.Pointer[version]
	failed  bool // the last look failed; Open's, then Run's
}

// version is what was read at one time. Without a file so far, info is nil.
type version struct {
	table *Table
	info  fs.FileInfo
}

// Open reads the file and the inline lines. Without the file it goes on with the inline
// entries, as the file may come.
func Open(c Config) *File {
	f := &File{conf: c}
	var faults []Fault
	f.inline, faults = Parse("inline hosts entries", []byte(c.Inline), c.Options)
	f.report(faults)
	f.current.Store(&version{table: f.inline})
	f.look()
	return f
}

// Table returns the current entries, those of the file before the inline ones.
func (f *File) Table() *Table { return f.current.Load().table }

// Run looks at the file every now and then until ctx ends. If it is never to be looked at
// again, Run returns at once. It must run once.
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

// look reads the file if it has changed. If it can't, the entries stay as they are.
func (f *File) look() {
	text, info, err := readChanged(f.conf.Path, f.current.Load().info)
	if err != nil && !f.failed {
		f.conf.Report(fmt.Errorf("hosts file: %w; put it right, meanwhile entries stay as they are", err))
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
