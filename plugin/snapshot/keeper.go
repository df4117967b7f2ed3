package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/plugin/zone"
)

// maxKept is more than the records of any cluster take: those of a million endpoints take 55 MiB. A
// larger file would take more memory than a container of CoreDNS has.
const maxKept = 64 << 20

const (
	keepPoll  = time.Second      // between two looks at whether records have changed
	keepDelay = 3 * time.Second  // for further changes, before a write
	keepAgain = 10 * time.Second // after a write that failed
	keepRest  = 30               // times as long as a write took is the pause behind it, but at most keepAgain
	keepSlow  = 10 * time.Second // after which a write is reported that has not ended
	keepFresh = 5 * time.Minute  // after which records are written that have not changed, as they were true until now
	keepLeave = time.Second      // for a write under way, when Run ends

	// leftoverAge is the age of a temporary file that nobody writes any more.
	leftoverAge = 10 * time.Minute
)

// Keep says what a Keeper keeps, and where.
type Keep struct {
	Config // Namespaces and selectors don't matter, as the records are selected already; Writer is not used
	Origin Origin
	Store  *zone.Store
	Away   func() time.Time // since when the records may be behind; zero while they are current
	Wrote  func(error)      // called after each attempt to write
}

// Keeper keeps the records of a store in a file, and loads them from there. A disk that fails or hangs
// does no more harm than that the file stays as it was. Its methods other than Behind are for one
// goroutine.
type Keeper struct {
	Keep
	serials  [2]uint32    // of the records in the file
	written  time.Time    // when the file was last written
	behind   atomic.Int64 // since when the file lacks a change, in ns since 1970; 0 if it lacks none
	cleaned  bool         // what earlier processes left behind was removed
	reported string       // the error logged last, until a write succeeds
}

// NewKeeper returns a Keeper that has done nothing yet.
func NewKeeper(k Keep) *Keeper { return &Keeper{Keep: k} }

// refusal is why a file is not served, or not written.
type refusal struct {
	file   string
	reason error
}

// Error returns the refusal in one line that begins with the file's name.
func (r *refusal) Error() string { return r.file + ": " + oneLine(r.reason.Error()) }

// Unwrap returns the reason.
func (r *refusal) Unwrap() error { return r.reason }

// Load shows the records of the file, unless the store has others by then, and returns when they were
// true. If there is no such file, or the file can't be used, it returns false. It logs what it did.
func (k *Keeper) Load() (asOf time.Time, ok bool) {
	data, _, err := read(k.File, maxKept)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return time.Time{}, false
	}
	var c *contents
	if err == nil {
		c, asOf, err = k.open(data)
	}
	if err != nil {
		k.Log.Errorf("%v; not served: %s", err, k.remedy(err, "it will be written anew once the Kubernetes API answers, and needs nobody's help"))
		return time.Time{}, false
	}
	cfg := k.Config
	cfg.Writer = zone.NewWriterAsOf(k.Store, asOf)
	c.write(&cfg)
	if !k.Store.AsOf().Equal(asOf) { // current ones came first
		return asOf, false
	}
	k.Log.Warningf("%s: serving %d Services, %d EndpointSlices and %d Pods of %d Namespaces as they were %s ago, until the Kubernetes API answers",
		k.File, len(c.services), len(c.slices), len(c.pods), len(c.namespaces), time.Since(asOf).Round(time.Second))
	return asOf, true
}

// open returns the records of a file. If it makes the parser panic, the process goes on.
func (k *Keeper) open(data []byte) (c *contents, asOf time.Time, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: reading it panicked: %v", k.File, v)
		}
	}()
	objects, asOf, err := unseal(data, &k.Origin)
	if err == nil {
		c, err = parseKept(objects, &k.Config)
	}
	if err != nil {
		return nil, asOf, &refusal{k.File, err}
	}
	if now := time.Now(); asOf.After(now) { // the clock was set
		asOf = now
	}
	return c, asOf, nil
}

// Run writes the records whenever they change, until ctx ends. It waits for no write that hangs. The
// store must have current records.
func (k *Keeper) Run(ctx context.Context) {
	for pause(ctx, keepPoll) {
		if !k.due(time.Now()) {
			continue
		}
		if !pause(ctx, keepDelay) {
			return
		}
		began, rest := time.Now(), keepAgain
		if k.keep(ctx) {
			rest = min(keepRest*time.Since(began), keepAgain)
		}
		if !pause(ctx, rest) {
			return
		}
	}
}

// pause returns true after d, or false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// due reports whether there is something to write.
func (k *Keeper) due(now time.Time) bool {
	if k.written.IsZero() || k.serials != k.present() {
		k.behind.CompareAndSwap(0, now.UnixNano())
		return true
	}
	return now.Sub(k.written) >= keepFresh && k.Away().IsZero()
}

func (k *Keeper) present() [2]uint32 {
	return [2]uint32{k.Store.Serial(zone.Local), k.Store.Serial(zone.Imported)}
}

// Behind returns since when the file lacks a change, or zero if it lacks none.
func (k *Keeper) Behind() time.Time {
	if ns := k.behind.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// keep writes the records, and reports whether that went well.
func (k *Keeper) keep(ctx context.Context) bool {
	now, serials, asOf := time.Now(), k.present(), k.Away()
	if asOf.IsZero() {
		asOf = now
	}
	done := make(chan error, 1)
	go func() { done <- k.write(ctx, asOf) }() // it may hang, for as long as the disk does
	err := k.wait(ctx, done)
	if ctx.Err() != nil {
		return false
	}
	k.Wrote(err)
	k.report(err)
	if err != nil {
		return false
	}
	k.serials, k.written = serials, now
	k.behind.Store(0)
	return true
}

// wait waits for a write, and reports one that takes long.
func (k *Keeper) wait(ctx context.Context, done <-chan error) error {
	slow := time.NewTimer(keepSlow)
	defer slow.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-slow.C:
			err := fmt.Errorf("the disk has not answered for %v", keepSlow)
			k.Wrote(err)
			k.report(err)
		case <-ctx.Done():
			select {
			case <-done:
			case <-time.After(keepLeave):
			}
			return ctx.Err()
		}
	}
}

// report logs why the records could not be written, unless the last line said the same, and when they
// were written again.
func (k *Keeper) report(err error) {
	switch {
	case err == nil && k.reported != "":
		k.Log.Infof("%s is written again", k.File)
		k.reported = ""
	case err != nil && err.Error() != k.reported:
		k.reported = err.Error()
		k.Log.Errorf("%v; the file stays as it was, and names are answered as before: %s", &refusal{k.File, err}, k.remedy(err, k.needs()))
	}
}

// remedy says what is to be done about a file that can't be read or written. Otherwise is what to do
// about an error of which nothing is known.
func (k *Keeper) remedy(err error, otherwise string) string {
	switch {
	case errors.Is(err, errForeign), errors.Is(err, errIrregular):
		return otherFile
	case errors.Is(err, fs.ErrPermission):
		return k.needs()
	}
	return otherwise
}

const otherFile = "name another file behind `snapshot`, or remove this one"

// needs says what a write needs.
func (k *Keeper) needs() string {
	return fmt.Sprintf("user %d has to read and write in %s, with room for two such files", os.Getuid(), filepath.Dir(k.File))
}

// underWay has the files that are being written, so that no second write joins one that hangs.
var underWay sync.Map

// write replaces the file, so that at each moment a whole one has its name.
func (k *Keeper) write(ctx context.Context, asOf time.Time) error {
	if _, loaded := underWay.LoadOrStore(k.File, true); loaded {
		return errors.New("an earlier write has not ended")
	}
	defer underWay.Delete(k.File)
	if err := mayReplace(k.File); err != nil {
		return err
	}
	if !k.cleaned {
		k.cleaned = true
		removeLeftovers(k.File)
	}
	tmp, err := k.writeTemporary(ctx, asOf)
	if err == nil {
		err = os.Rename(tmp, k.File)
	}
	if err == nil {
		return syncFolder(filepath.Dir(k.File))
	}
	if tmp != "" {
		_ = os.Remove(tmp)
	}
	return cause(err)
}

// writeTemporary writes the records into a new file in the same directory. It returns the file's name,
// if there is one, also with an error.
func (k *Keeper) writeTemporary(ctx context.Context, asOf time.Time) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(k.File), temporary(k.File))
	if err != nil {
		return "", err
	}
	err = writeKept(f, k.Store, &k.Origin, asOf, func() error {
		runtime.Gosched() // a query that came meanwhile goes first
		return ctx.Err()
	})
	if err == nil {
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}

// temporary is the pattern of the names of temporary files.
func temporary(file string) string { return filepath.Base(file) + ".*.tmp" }

// removeLeftovers removes temporary files of processes that were killed.
func removeLeftovers(file string) {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(file), temporary(file)))
	if err != nil {
		return // the name has characters of a pattern
	}
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > leftoverAge {
			_ = os.Remove(name)
		}
	}
}

// Keepable returns an error if records can't be kept in the file, as far as that shows without writing.
func Keepable(file string) error {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return &refusal{file, errors.New("its directory does not exist here: create it, or mount a volume there")}
	}
	if err := mayReplace(file); err != nil {
		return &refusal{file, fmt.Errorf("%w: %s", err, otherFile)}
	}
	return nil
}

// mayReplace returns an error if a file is there that no Keeper wrote.
func mayReplace(file string) error {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cause(err)
	case !info.Mode().IsRegular():
		return errIrregular
	}
	f, err := os.Open(file)
	if err != nil {
		return cause(err)
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, int64(len(keptHead))))
	if err == nil && !bytes.HasPrefix([]byte(keptHead), head) {
		return errForeign
	}
	return err
}

// syncFolder makes sure that a rename in the folder outlasts a power failure.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" { // it can't
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return cause(err)
	}
	return cause(errors.Join(d.Sync(), d.Close()))
}
