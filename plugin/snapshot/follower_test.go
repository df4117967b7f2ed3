package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/zone"
)

const mySvc = "my-svc.my-ns.svc"

// moved is the cluster after my-svc got another address, of the same length.
var moved = strings.Replace(cluster, "10.96.0.20", "10.96.0.21", 1)

// step is one look at the file, an interval after the one before.
func (s *served) step(t *testing.T, clock *time.Time, want string) {
	t.Helper()
	*clock = clock.Add(interval)
	s.poll(*clock)
	if got := s.find(zone.Local, mySvc); got != want {
		t.Fatalf("got %q, want %q; log %q", got, want, s.log.lines)
	}
}

func loaded(t *testing.T) (*served, *time.Time) {
	t.Helper()
	s := serve(t, cluster, nil)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	return s, &clock
}

// TestRun changes the file as it is followed: in place, by renaming another over it, and
// as the kubelet does with a mounted ConfigMap.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock makes a second one however busy the machine is
		s, _ := loaded(t)
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx)
		file := s.cfg.File
		write(t, file, moved)
		s.await(t, "in place", "10.96.0.21")
		write(t, file+".new", cluster)
		rename(t, file+".new", file)
		s.await(t, "rename over", "10.96.0.20")
		mount(t, file, "..1", moved)
		s.await(t, "to a ConfigMap", "10.96.0.21")
		mount(t, file, "..2", cluster)
		s.await(t, "ConfigMap", "10.96.0.20")
		cancel() // the test fails if anything of Run is left
		if lines := s.log.all("error"); len(lines) > 0 {
			t.Errorf("log: %q", lines)
		}
	})
}

// await waits for my-svc to get the address want, a second at most.
func (s *served) await(t *testing.T, how, want string) {
	t.Helper()
	testkit.Within(t, time.Second, how+": "+want, func() bool { return s.find(zone.Local, mySvc) == want })
}

// mount puts text at file as the kubelet does: behind ..data, a link that it swaps.
func mount(t *testing.T, file, version, text string) {
	t.Helper()
	dir, name := filepath.Split(file)
	if err := os.Mkdir(dir+version, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, version, name), text)
	link(t, version, dir+"..data_tmp")
	rename(t, dir+"..data_tmp", dir+"..data")
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() {
		link(t, filepath.Join("..data", name), file+".new")
		rename(t, file+".new", file)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestHalfWritten(t *testing.T) {
	s, clock := loaded(t)
	for _, part := range []string{"", moved[:len(moved)/4], moved[:len(moved)/2]} {
		write(t, s.cfg.File, part)
		s.step(t, clock, "10.96.0.20")
	}
	write(t, s.cfg.File, moved)
	s.step(t, clock, "10.96.0.20")
	s.step(t, clock, "10.96.0.21")
	if lines := s.log.all("error"); len(lines) > 0 {
		t.Errorf("log: %q", lines)
	}
}

func TestBadThenGood(t *testing.T) {
	s, clock := loaded(t)
	write(t, s.cfg.File, moved+"---\nkind: [\n")
	for range 20 {
		s.step(t, clock, "10.96.0.20")
	}
	if lines := s.log.all("serving what was read before"); len(lines) != 1 || !strings.Contains(lines[0], "document 7") {
		t.Errorf("log: %q", lines)
	}
	write(t, s.cfg.File, moved)
	s.step(t, clock, "10.96.0.20")
	s.step(t, clock, "10.96.0.21")
	write(t, s.cfg.File, moved+"---\nkind: [\n")
	s.step(t, clock, "10.96.0.21")
	s.step(t, clock, "10.96.0.21")
	if lines := s.log.all("serving what was read before"); len(lines) != 2 {
		t.Errorf("log: %q", lines)
	}
}

func TestRemoved(t *testing.T) {
	s, clock := loaded(t)
	away := s.cfg.File + ".away"
	rename(t, s.cfg.File, away)
	for range 20 {
		s.step(t, clock, "10.96.0.20")
	}
	if lines := s.log.all("no such file or directory; serving what was read before"); len(lines) != 1 {
		t.Errorf("log: %q", s.log.lines)
	}
	rename(t, away, s.cfg.File)
	s.step(t, clock, "10.96.0.20")
	s.step(t, clock, "10.96.0.20")
	if lines := s.log.all("can be used again"); len(lines) != 1 {
		t.Errorf("log: %q", s.log.lines)
	}
	write(t, s.cfg.File, moved)
	s.step(t, clock, "10.96.0.20")
	s.step(t, clock, "10.96.0.21")
}

// TestSameLooks changes the content, but not how the file looks, soon after an earlier change.
func TestSameLooks(t *testing.T) {
	s, clock := loaded(t)
	info, err := os.Stat(s.cfg.File)
	if err != nil {
		t.Fatal(err)
	}
	s.step(t, clock, "10.96.0.20")
	write(t, s.cfg.File, moved)
	if err := os.Chtimes(s.cfg.File, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	s.step(t, clock, "10.96.0.21")
}

// TestIdle shows that a file that has looked the same for long is not read again.
func TestIdle(t *testing.T) {
	s, clock := loaded(t)
	for range 20 {
		s.step(t, clock, "10.96.0.20")
	}
	last := s.examined
	s.step(t, clock, "10.96.0.20")
	if s.examined != last {
		t.Error("read again")
	}
}

// TestDeleted shows that what a new file lacks is gone.
func TestDeleted(t *testing.T) {
	s, clock := loaded(t)
	write(t, s.cfg.File, namespaceN)
	s.step(t, clock, "10.96.0.20")
	s.step(t, clock, "no name")
	for _, name := range []string{"db.my-ns.svc", "10-244-0-9.my-ns.pod", "my-ns.svc"} {
		if got := s.find(zone.Local, name); got != "no name" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := s.find(zone.Imported, "far.my-ns.svc"); got != "no name" {
		t.Errorf("import: %s", got)
	}
}

// TestRunWithoutLoad begins without a file.
func TestRunWithoutLoad(t *testing.T) {
	s := serve(t, cluster, nil)
	clock := time.Now()
	rename(t, s.cfg.File, s.cfg.File+".away")
	for range 5 {
		s.step(t, &clock, "not synced")
	}
	rename(t, s.cfg.File+".away", s.cfg.File)
	s.step(t, &clock, "not synced")
	s.step(t, &clock, "10.96.0.20")
}
