package hosts

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// reports collects what a File reports.
type reports struct {
	mu   sync.Mutex
	list []string
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, err.Error())
}

// take returns what was reported since the last take.
func (r *reports) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.list, "\n")
	r.list = nil
	return all
}

func write(t *testing.T, path, text string, modified time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, f *File, name, want string) {
	t.Helper()
	if got, _ := ask(t, f.Table(), name, wire.A); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}

// TestLook goes through a file's life, one look after each event.
func TestLook(t *testing.T) {
	path, at := filepath.Join(t.TempDir(), "hosts"), time.Unix(1_700_000_000, 0)
	var r reports
	var modified time.Time
	loaded := func(_ *Table, at time.Time) { modified = at }
	f := Open(Config{Path: path, Inline: "10.0.0.9 inline\nbad line", Report: r.add, Loaded: loaded})
	if got := r.take(); !strings.Contains(got, "no such file") || !strings.Contains(got, `inline hosts entries:2: "bad"`) {
		t.Errorf("reported %q", got)
	}
	expect(t, f, "inline.", "10.0.0.9")
	if !modified.IsZero() || f.Table().Entries() != 2 {
		t.Errorf("modified %v, %d entries", modified, f.Table().Entries())
	}
	f.look()
	if got := r.take(); got != "" {
		t.Errorf("reported twice: %q", got)
	}

	write(t, path, "10.0.0.1 a\nbad line\n", at)
	f.look()
	if got := r.take(); !strings.Contains(got, path+`:2: "bad"`) {
		t.Errorf("reported %q", got)
	}
	expect(t, f, "a.", "10.0.0.1")
	expect(t, f, "inline.", "10.0.0.9")
	if !modified.Equal(at) || f.Table().Entries() != 4 {
		t.Errorf("modified %v, %d entries", modified, f.Table().Entries())
	}

	old := f.Table()
	write(t, path, "10.0.0.2 a\nbad line\n", at) // as the file was, to a look
	f.look()
	if f.Table() != old || r.take() != "" {
		t.Error("a file that has not changed was read")
	}
	write(t, path, "10.0.0.2 a\nbad line\n", at.Add(time.Second))
	f.look()
	expect(t, f, "a.", "10.0.0.2")
	write(t, path, "10.0.0.3 a\n", at.Add(time.Second))
	f.look()
	expect(t, f, "a.", "10.0.0.3")
	if got, _ := ask(t, old, "a.", wire.A); got != "10.0.0.1" {
		t.Errorf("a Table was changed: %q", got)
	}
	r.take()

	for range 2 { // gone, back, and gone again
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		f.look()
		f.look()
		if got := r.take(); strings.Count(got, "no such file") != 1 {
			t.Errorf("reported %q", got)
		}
		expect(t, f, "a.", "10.0.0.3")
		write(t, path, "10.0.0.3 a\n", at.Add(time.Second))
		f.look()
	}
}

// TestNoFile shows that devices, pipes, folders and huge files are neither read nor waited for.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo, huge := filepath.Join(dir, "fifo"), filepath.Join(dir, "huge")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, huge, "", time.Now())
	if err := os.Truncate(huge, maxSize+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:         "not a regular file",
		fifo:        "not a regular file",
		"/dev/zero": "not a regular file",
		huge:        "longer than",
		"":          "no such file",
	} {
		var r reports
		f := Open(Config{Path: path, Inline: "10.0.0.9 inline", Report: r.add})
		if got := r.take(); !strings.Contains(got, want) || !strings.Contains(got, path) {
			t.Errorf("%s: reported %q", path, got)
		}
		expect(t, f, "inline.", "10.0.0.9")
	}
}

// TestRun changes the file of a running File, and asks meanwhile.
func TestRun(t *testing.T) {
	path, at := filepath.Join(t.TempDir(), "hosts"), time.Unix(1_700_000_000, 0)
	write(t, path, "10.0.0.1 a\n", at)
	var r reports
	f := Open(Config{Path: path, Reload: time.Millisecond, Report: r.add})
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { f.Run(ctx) })
	write(t, path+".new", "10.0.0.2 a\n", at.Add(time.Second))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the new address", func() bool {
		got, _ := ask(t, f.Table(), "a.", wire.A)
		if got != "10.0.0.1" && got != "10.0.0.2" {
			t.Fatalf("%q", got)
		}
		return got == "10.0.0.2"
	})
	cancel()
	wait.Wait()
	if got := r.take(); got != "" {
		t.Errorf("reported %q", got)
	}
}

// TestRunNever shows that `reload 0` needs no goroutine.
func TestRunNever(t *testing.T) {
	f := Open(Config{Path: os.DevNull, Report: func(error) {}})
	f.Run(context.Background())
}
