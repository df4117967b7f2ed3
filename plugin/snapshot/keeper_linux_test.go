package snapshot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// mounted returns a directory that a mount with these arguments gives. The end of the test unmounts it.
func mounted(t *testing.T, args ...string) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir = t.TempDir()
	command(t, append(append([]string{"mount"}, args...), dir)...)
	t.Cleanup(func() { command(t, "umount", dir) })
	return dir
}

func command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// diskFault is how a disk fails and works again, and what the log says of it.
type diskFault struct {
	fail, mend func(t *testing.T, dir string)
	error      string
	times      int32 // so often it fails
}

// TestDiskFails writes to disks that are full or read-only for a while.
func TestDiskFails(t *testing.T) {
	for name, tt := range map[string]diskFault{
		"full": {
			func(t *testing.T, dir string) { fillDisk(t, filepath.Join(dir, "other")) },
			func(t *testing.T, dir string) { command(t, "rm", filepath.Join(dir, "other")) },
			"no space left on device", 3,
		},
		"read-only": {
			func(t *testing.T, dir string) { command(t, "mount", "-o", "remount,ro", dir) },
			func(t *testing.T, dir string) { command(t, "mount", "-o", "remount,rw", dir) },
			"read-only file system", 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := mounted(t, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
			synctest.Test(t, func(t *testing.T) { tt.outlast(t, dir) })
		})
	}
}

// TestDiskHangs writes to a disk that does not answer for a while.
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	dir := mounted(t, "-o", "loop", image(t))
	f := diskFault{freeze, func(t *testing.T, dir string) { command(t, "fsfreeze", "-u", dir) }, "the disk has not answered for 10s", 1}
	f.outlast(t, dir)
}

// outlast has a disk fail and work again. That costs two lines, and the good file stays until there is
// a better one.
func (f *diskFault) outlast(t *testing.T, dir string) {
	k := newKeeping(filepath.Join(dir, "cluster.json"))
	stop := k.run(t)
	defer stop()
	testkit.Eventually(t, "the file is written", func() bool { return k.wrote.Load() == 1 })

	f.fail(t, dir)
	inNamespace(k.writer, "new")
	testkit.Eventually(t, "writes fail", func() bool { return k.failed.Load() >= f.times && len(k.log.all("")) > 0 })
	lines := k.log.all("error: " + k.File + ": " + f.error + "; the file stays as it was")
	if len(lines) != 1 || len(k.log.all("")) != 1 || k.Behind().IsZero() {
		t.Errorf("%q, behind since %v", k.log.lines, k.Behind())
	}
	if found, _ := k.load(t, "web", "new"); found != " web" {
		t.Errorf("the file has%s", found)
	}
	f.mend(t, dir)
	testkit.Eventually(t, "the file is written again", func() bool { return k.wrote.Load() == 2 })
	if found, _ := k.load(t, "web", "new"); found != " web new" || !k.Behind().IsZero() {
		t.Errorf("the file has%s, behind since %v", found, k.Behind())
	}
	if all := k.log.all(""); len(all) != 2 || !strings.Contains(all[1], "is written again") {
		t.Errorf("%q", all)
	}
}

// freeze makes a disk hang, at most until the end of the test.
func freeze(t *testing.T, dir string) {
	command(t, "fsfreeze", "-f", dir)
	t.Cleanup(func() { _ = exec.Command("fsfreeze", "-u", dir).Run() }) // it may be thawed by then
}

// image returns an image of a small disk.
func image(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "disk")
	command(t, "truncate", "-s", "8M", file)
	command(t, "mkfs.ext4", "-q", file)
	return file
}

// fillDisk fills a disk.
func fillDisk(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

// TestHangsAtTheEnd ends a Keeper whose disk hangs. The end does not wait for it, and the next Keeper
// begins no second write of the file.
func TestHangsAtTheEnd(t *testing.T) {
	t.Parallel()
	dir := mounted(t, "-o", "loop", image(t))
	k := newKeeping(filepath.Join(dir, "cluster.json"))
	stop := k.run(t)
	testkit.Eventually(t, "the file is written", func() bool { return k.wrote.Load() == 1 })
	freeze(t, dir)
	inNamespace(k.writer, "new")
	testkit.Eventually(t, "a write is under way", func() bool { _, ok := underWay.Load(k.File); return ok })
	began := time.Now()
	stop()
	t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
	next := newKeeping(k.File)
	if err := next.write(t.Context(), time.Now()); err == nil || err.Error() != "an earlier write has not ended" {
		t.Error(err)
	}
	command(t, "fsfreeze", "-u", dir)
	testkit.Eventually(t, "the write ends", func() bool { _, ok := underWay.Load(k.File); return !ok })
	onlyKept(t, dir)
}

// onlyKept makes sure that a disk has the file and no other.
func onlyKept(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "cluster*"))
	if err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
}
