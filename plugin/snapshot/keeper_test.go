package snapshot

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
)

// keeping is a Keeper of a small store, with what it says.
type keeping struct {
	*Keeper
	writer *zone.Writer
	log    *recorder
	away   atomic.Pointer[time.Time]
	wrote  atomic.Int32
	failed atomic.Int32
}

// newKeeping returns a Keeper that keeps a store of one Service, web, in a file.
func newKeeping(file string) *keeping {
	k := &keeping{log: &recorder{}}
	store := zone.New(zone.Options{})
	k.writer = zone.NewWriter(store)
	inNamespace(k.writer, "web")
	k.writer.SetSynced()
	k.Keeper = NewKeeper(Keep{
		Config: Config{File: file, Endpoints: true, Translator: &object.Translator{Skipped: func(object.Problem) {}}, Log: k.log},
		Origin: testOrigin,
		Store:  store,
		Away: func() time.Time {
			if t := k.away.Load(); t != nil {
				return *t
			}
			return time.Time{}
		},
		Wrote: func(err error) {
			if err != nil {
				k.failed.Add(1)
			} else {
				k.wrote.Add(1)
			}
		},
	})
	return k
}

func inNamespace(w *zone.Writer, service string) {
	w.SetNamespace("ns")
	w.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "ns", Name: service}, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, 1})}})
}

// load returns which of services the file has, and when its records were true.
func (k *keeping) load(t *testing.T, services ...string) (found string, asOf time.Time) {
	t.Helper()
	to := newKeeping(k.File)
	to.Store = zone.New(zone.Options{})
	asOf, ok := to.Load()
	if !ok {
		t.Fatalf("not loaded: %q", to.log.lines)
	}
	for _, name := range services {
		if to.Store.Lookup(zone.Local, name+".ns.svc").Existence == zone.Records {
			found += " " + name
		}
	}
	return found, asOf
}

// run runs the Keeper until the end of the test, or until the function that it returns is called.
func (k *keeping) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// TestKeep writes records when they change, and now and then without a change.
func TestKeep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cluster.json")
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(file)
		stop := k.run(t)
		defer stop()
		wait := func(d time.Duration, wrote int32, want string) time.Time {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			found, asOf := k.load(t, "web", "new", "late")
			if n := k.wrote.Load(); n != wrote || found != want {
				t.Errorf("%d writes, %q; want %d, %q", n, found, wrote, want)
			}
			return asOf
		}
		wait(5*time.Second, 1, " web")
		for range 3 {
			inNamespace(k.writer, "new")
			time.Sleep(100 * time.Millisecond)
		}
		wait(5*time.Second, 2, " web new")
		before := wait(4*time.Minute, 2, " web new")
		if after := wait(2*time.Minute, 3, " web new"); after.Sub(before) < 4*time.Minute {
			t.Errorf("written as of %v, then of %v", before, after)
		}
		away := time.Now()
		k.away.Store(&away)
		wait(20*time.Minute, 3, " web new")
		inNamespace(k.writer, "late")
		if asOf := wait(5*time.Second, 4, " web new late"); !asOf.Equal(away) {
			t.Errorf("as of %v, but the server is away since %v", asOf, away)
		}
		if !k.Behind().IsZero() || len(k.log.lines) > 0 {
			t.Errorf("behind since %v; %q", k.Behind(), k.log.lines)
		}
	})
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Error(info, err)
	}
	onlyFile(t, file)
}

// onlyFile makes sure that nothing else is in the file's directory.
func onlyFile(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(file) {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestLoadRefuses finds files that can't be used. Each costs one line.
func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	good := newKeeping(filepath.Join(dir, "good"))
	if err := good.write(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(good.File)
	if err != nil {
		t.Fatal(err)
	}
	const anew, help = "it will be written anew once the Kubernetes API answers", "name another file behind `snapshot`, or remove this one"
	for name, tt := range map[string]struct {
		data   string
		reason string
		remedy string
	}{
		"torn":    {string(data[:len(data)/2]), "its end is missing", anew},
		"damaged": {strings.Replace(string(data), "web", "wob", 1), "it was changed, or the disk damaged it", anew},
		"older":   {strings.Replace(string(data), `format":"1"`, `format":"0.9"`, 1), `its format is "0.9"`, anew},
		"cluster": {strings.Replace(string(data), `"one two"`, `"six"`, 1), `it is of another cluster: "six", not "one two"`, anew},
		"options": {strings.Replace(string(data), `selection":"all`, `selection":"labels a=b`, 1), `it was written with other options: "labels a=b", now "all"`, anew},
		"foreign": {"apiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\n", "`snapshot FILE keep` did not write it", help},
		"large":   {strings.Repeat("x", maxKept+1), "larger than 64 MiB", anew},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(filepath.Join(dir, name))
			k.Store = zone.New(zone.Options{})
			write(t, k.File, tt.data)
			if _, ok := k.Load(); ok || k.Store.Synced() {
				t.Error("loaded")
			}
			lines := k.log.all("")
			if len(lines) != 1 || !strings.HasPrefix(lines[0], "error: "+k.File+": "+tt.reason) || !strings.Contains(lines[0], "not served: "+tt.remedy) {
				t.Errorf("%q", lines)
			}
		})
	}
	for name, data := range map[string]string{"empty": "", "none": ""} {
		k := newKeeping(filepath.Join(dir, name))
		if name == "empty" {
			write(t, k.File, data)
		}
		if _, ok := k.Load(); ok || len(k.log.lines) > 0 {
			t.Errorf("%s: %v, %q", name, ok, k.log.lines)
		}
	}
}

// TestLoadMemory refuses a large file, which may be anybody's, for little more memory than it has bytes. A
// container of CoreDNS has not much more.
func TestLoadMemory(t *testing.T) {
	k := newKeeping(filepath.Join(t.TempDir(), "cluster.json"))
	write(t, k.File, keptHead+strings.Repeat("x", maxKept/2))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, ok := k.Load(); ok {
		t.Error("loaded")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > maxKept/2+1<<20 {
		t.Errorf("%d MiB for %d", n>>20, maxKept/2>>20)
	}
}

// TestLoadLate loads a file after the current records have come.
func TestLoadLate(t *testing.T) {
	k := newKeeping(filepath.Join(t.TempDir(), "cluster.json"))
	if err := k.write(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, ok := k.Load(); ok || len(k.log.lines) > 0 || !k.Store.AsOf().IsZero() {
		t.Errorf("%v, %q, as of %v", ok, k.log.lines, k.Store.AsOf())
	}
}

// TestKeepReplaces writes over what a Keeper has written, whole or not, and over nothing else.
func TestKeepReplaces(t *testing.T) {
	for name, tt := range map[string]struct {
		there func(file string) error
		want  string
	}{
		"nothing":    {func(string) error { return nil }, ""},
		"empty":      {func(file string) error { return os.WriteFile(file, nil, 0o600) }, ""},
		"a part":     {func(file string) error { return os.WriteFile(file, []byte(keptHead[:9]), 0o600) }, ""},
		"a torn one": {func(file string) error { return os.WriteFile(file, []byte(keptHead+"\n{"), 0o600) }, ""},
		"foreign":    {func(file string) error { return os.WriteFile(file, []byte(cluster), 0o600) }, errForeign.Error()},
		"directory":  {func(file string) error { return os.Mkdir(file, 0o700) }, "not a regular file"},
		"link":       {func(file string) error { return os.Symlink("/etc/hosts", file) }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(filepath.Join(t.TempDir(), "cluster.json"))
			if err := tt.there(k.File); err != nil {
				t.Fatal(err)
			}
			err := k.write(t.Context(), time.Now())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if tt.want == "" {
				k.load(t)
			} else if err := Keepable(k.File); err == nil || !strings.Contains(err.Error(), k.File+": "+tt.want) {
				t.Error(err)
			}
			onlyFile(t, k.File)
		})
	}
	if err := Keepable("/none/cluster.json"); err == nil || !strings.Contains(err.Error(), "/none/cluster.json: its directory does not exist") {
		t.Error(err)
	}
}

// TestLeftovers removes temporary files that nobody writes any more, and no others.
func TestLeftovers(t *testing.T) {
	k := newKeeping(filepath.Join(t.TempDir(), "cluster.json"))
	old := time.Now().Add(-2 * leftoverAge)
	for _, name := range []string{".1.tmp", ".2.tmp", ".yaml"} {
		write(t, k.File+name, "")
		if name != ".2.tmp" {
			if err := os.Chtimes(k.File+name, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := k.write(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(k.File + "*")
	want := k.File + " " + k.File + ".2.tmp " + k.File + ".yaml"
	if err != nil || strings.Join(left, " ") != want {
		t.Errorf("%q, %v", left, err)
	}
}

// TestKeepStops ends a write under way. No temporary file is left.
func TestKeepStops(t *testing.T) {
	k := newKeeping(filepath.Join(t.TempDir(), "cluster.json"))
	if err := k.write(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.write(ctx, time.Now()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	onlyFile(t, k.File)
}

// killed names the file that TestKilled's children write again and again.
const killed = "NEARDNS_TEST_KEEP"

// TestKilled kills processes that write a file, at any moment. Each leaves a good one.
func TestKilled(t *testing.T) {
	if file := os.Getenv(killed); file != "" {
		k := newKeeping(file)
		k.Store = large(t)
		for {
			if err := k.write(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Parallel()
	k := newKeeping(filepath.Join(t.TempDir(), "cluster.json"))
	if err := k.write(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		before := look(k.File)
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), killed+"="+k.File)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the file is replaced", func() bool { return !look(k.File).same(before) })
		time.Sleep(rand.N(500 * time.Millisecond)) // where it is then can't be waited for
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // its error is that it was killed
		k.load(t)
	}
	left, _ := filepath.Glob(k.File + ".*.tmp")
	t.Logf("%d of 6 processes left a part of a file", len(left))
	if len(left) == 0 {
		t.Error("none was killed while it wrote")
	}
}
