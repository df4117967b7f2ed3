package snapshot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// Config says what to serve of which file.
type Config struct {
	File            string          // absolute path
	Namespaces      []string        // serve only these, if any
	NamespaceLabels labels.Selector // serve only the Namespaces it matches; nil for all
	Labels          labels.Selector // the same of Services, EndpointSlices and Pods
	Endpoints       bool            // serve EndpointSlices
	Pods            bool            // serve Pods
	Imports         bool            // serve ServiceImports
	Translator      *object.Translator
	Writer          *zone.Writer
	Log             Logger
}

// Logger is told what was taken in and what could not be.
type Logger interface {
	Infof(format string, args ...any)
	Warningf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Source writes the records of a file and follows its changes. Load and Run must not run
// at the same time.
type Source struct {
	cfg    Config
	synced atomic.Bool

	seen     sight             // the file at the last look
	since    time.Time         // when it first looked so
	examined time.Time         // when its content was last read
	digest   [sha256.Size]byte // of that content
	verdict  error             // why that content is not served
	reported string            // the error logged last, until the file is good again
	remarked []string          // the remarks logged last
}

// New returns a Source that has not read its file yet.
func New(cfg Config) *Source { return &Source{cfg: cfg} }

// Synced reports whether the file has been taken in once.
func (s *Source) Synced() bool { return s.synced.Load() }

// Load reads the file once. If it can't be used, nothing is written, and the error names
// the file, document, object and field, and the line unless the file is very long.
func (s *Source) Load() error {
	s.since = time.Now()
	data, seen, err := read(s.cfg.File)
	if err != nil {
		return err
	}
	s.seen, s.digest = seen, digest(data)
	s.verdict = s.take(data)
	return s.verdict
}

// take writes the records that data holds. Whatever the data makes a parser do, the
// process goes on.
func (s *Source) take(data []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: reading it panicked: %v", s.cfg.File, v)
		}
	}()
	found, err := parse(data, &s.cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", s.cfg.File, err)
	}
	found.write(&s.cfg)
	s.synced.Store(true)
	s.announce(found)
	return nil
}

// Run follows the file until ctx ends. It logs why a changed file can't be used, once for
// each reason, and leaves the records of the last good one in place.
func (s *Source) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			s.poll(time.Now())
		}
	}
}
