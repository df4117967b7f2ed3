package snapshot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// Config says which file to follow, and what to serve of it.
type Config struct {
	File            string          // absolute path
	Namespaces      []string        // serve only these, or all if there are none
	NamespaceLabels labels.Selector // serve only Namespaces that it matches; nil for all
	Labels          labels.Selector // the same for Services, EndpointSlices and Pods
	Endpoints       bool            // serve EndpointSlices
	Pods            bool            // serve Pods
	Imports         bool            // serve ServiceImports
	Translator      *object.Translator
	Writer          *zone.Writer
	Log             Logger
}

// Logger is where a Follower logs what it serves and what it can't. It must be safe for
// concurrent use.
type Logger interface {
	Infof(format string, args ...any)
	Warningf(format string, args ...any)
	Errorf(format string, args ...any)
}

const (
	// interval is the time between two looks at the file. The Follower reads a change at the
	// second look that finds the file the same, so not while somebody is writing it.
	interval = 200 * time.Millisecond

	// granularity is that of the coarsest modification times (FAT has 2 s). A file can change
	// within that time and look as before.
	granularity = 2 * time.Second
)

// Follower writes the records of a file to a zone and follows its changes. Load and Run must not
// run at the same time.
type Follower struct {
	cfg    Config
	synced chan struct{} // closed when a file was written for the first time

	seen     sight             // the file at the last look
	since    time.Time         // when it first looked so
	examined time.Time         // when its content was last read
	digest   [sha256.Size]byte // of that content
	verdict  error             // why that content is not served
	reported string            // the error logged last, until the file is good again
	remarked []string          // the remarks logged last
}

// New returns a Follower that has not read its file yet.
func New(cfg Config) *Follower { return &Follower{cfg: cfg, synced: make(chan struct{})} }

// WaitSynced waits until the records of a file are in the zone. It returns the error of ctx if
// that ends first.
func (f *Follower) WaitSynced(ctx context.Context) error {
	select {
	case <-f.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Load reads the file once. If it can't use the file, it writes nothing. Then the error names
// the file, document, object and field, and the line unless the file is very long.
func (f *Follower) Load() error {
	f.since = time.Now()
	data, seen, err := read(f.cfg.File, maxSize)
	if err != nil {
		return err
	}
	f.seen, f.digest = seen, digest(data)
	f.verdict = f.take(data)
	return f.verdict
}

// Run follows the file until ctx ends. If it can't use a changed file, it logs why, once for each
// reason, and leaves the records of the last good one in place.
func (f *Follower) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			f.poll(time.Now())
		}
	}
}

// poll looks at the file once. It examines a file that may have changed and looks the same as
// at the last look.
func (f *Follower) poll(now time.Time) {
	seen := look(f.cfg.File)
	if !seen.same(f.seen) {
		f.seen, f.since = seen, now
		return
	}
	if f.examined.Sub(f.since) < granularity {
		f.examine()
		f.examined = now
	}
}

// examine reads the file and serves it if its content is new.
func (f *Follower) examine() {
	data, seen, err := read(f.cfg.File, maxSize)
	if err != nil {
		f.report(err)
		return
	}
	if !seen.same(f.seen) { // it changed after poll looked
		return
	}
	if sum := digest(data); sum != f.digest {
		f.digest, f.verdict = sum, f.take(data)
	}
	f.report(f.verdict)
}

// take writes the records that data holds. If the data makes a parser panic, the process goes on.
func (f *Follower) take(data []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: reading it panicked: %v", f.cfg.File, v)
		}
	}()
	found, err := parse(data, &f.cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", f.cfg.File, err)
	}
	found.write(&f.cfg)
	select {
	case <-f.synced:
	default:
		close(f.synced)
	}
	f.announce(found)
	return nil
}

// announce logs what is served. It logs what is odd about it, unless that is the same as for the
// last file.
func (f *Follower) announce(c *contents) {
	f.reported = ""
	f.cfg.Log.Infof("%s: serving %d Services, %d EndpointSlices and %d Pods of %d Namespaces",
		f.cfg.File, len(c.services), len(c.slices), len(c.pods), len(c.namespaces))
	lines := c.remarks.lines(&f.cfg)
	if slices.Equal(lines, f.remarked) {
		return
	}
	f.remarked = lines
	for _, line := range lines {
		f.cfg.Log.Warningf("%s: %s", f.cfg.File, oneLine(line))
	}
}

// report logs why the file can't be used, unless the last line said the same. After such a line
// and with err nil, it logs that the file can be used again.
func (f *Follower) report(err error) {
	switch {
	case err == nil && f.reported != "":
		f.cfg.Log.Infof("%s can be used again", f.cfg.File)
		f.reported = ""
	case err != nil && err.Error() != f.reported:
		f.cfg.Log.Errorf("%v; serving what was read before", err)
		f.reported = err.Error()
	}
}
