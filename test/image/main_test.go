package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/neardns/neardns/internal/image"
	"github.com/neardns/neardns/test/manifests"
)

const commit = "0123456789ab"

// made is a program, its root file system and its archive.
type made struct {
	image.Program
	root    string // folder of `make image-root`, for this machine
	archive string // file of `make images`
}

// programs are both programs by their names.
var programs = map[string]made{}

func TestMain(m *testing.M) {
	manifests.Enter()
	os.Exit(inFolder(m))
}

// inFolder runs the tests once both images are built.
func inFolder(m *testing.M) int {
	dir, err := os.MkdirTemp("", "neardns-image-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755) // programs run there as another user
	}
	for _, p := range image.Programs {
		if err == nil {
			programs[p.Name], err = build(p, "../..", filepath.Join(dir, p.Name))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests of the images:", err)
		return 1
	}
	return m.Run()
}

// build builds a program and its image, for this machine, from a folder of the repository.
func build(p image.Program, source, to string) (made, error) {
	b := made{p, filepath.Join(to, "root"), filepath.Join(to, "tar")}
	err := image.Build{Source: source, Commit: commit}.Root(context.Background(), p, runtime.GOARCH, b.root)
	if err != nil {
		return b, err
	}
	img, err := p.Image(b.root, runtime.GOARCH, commit)
	if err != nil {
		return b, err
	}
	layout := filepath.Join(to, "layout")
	if err := image.Layout(layout, "neardns/"+p.Name+":dev", map[string]v1.Image{runtime.GOARCH: img}); err != nil {
		return b, err
	}
	return b, image.Archive(layout, b.archive)
}

// program returns a program by its name.
func program(t *testing.T, name string) image.Program {
	t.Helper()
	i := slices.IndexFunc(image.Programs, func(p image.Program) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no program %s", name)
	}
	return image.Programs[i]
}

// must ends the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
