// Command make builds the root file systems of the images, and images from them. See Makefile.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/neardns/neardns/internal/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	image.Build
	out, prefix, tag string
	archs            []string
	only             bool
}

func run(ctx context.Context) error {
	var o options
	var archs string
	flag.StringVar(&o.Source, "source", ".", "folder of the repository")
	flag.StringVar(&o.Commit, "commit", "unknown", "commit to name in the programs and labels")
	flag.StringVar(&o.out, "out", "build/image", "folder to write to")
	flag.StringVar(&o.prefix, "prefix", "neardns/", "what names of images begin with")
	flag.StringVar(&o.tag, "tag", "dev", "tag of the images")
	flag.StringVar(&archs, "arch", strings.Join(image.Architectures, ","), "architectures, separated by commas")
	flag.BoolVar(&o.only, "root", false, "build the root file systems and no images")
	flag.Parse()
	for _, a := range strings.Split(archs, ",") {
		if !slices.Contains(image.Architectures, a) {
			return fmt.Errorf("-arch %q, expected %s", a, strings.Join(image.Architectures, " or "))
		}
		o.archs = append(o.archs, a)
	}
	for _, p := range image.Programs {
		if err := o.make(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// make builds the root file systems and the image of one program.
func (o *options) make(ctx context.Context, p image.Program) error {
	images := map[string]v1.Image{}
	for _, arch := range o.archs {
		root := filepath.Join(o.out, p.Name, arch)
		fmt.Printf("building %s for %s\n", p.Name, arch)
		if err := o.Root(ctx, p, arch, root); err != nil {
			return err
		}
		size, err := image.Size(root)
		if err != nil {
			return err
		}
		fmt.Printf("  %-40s %5.1f MB\n", root, float64(size)/1e6)
		if o.only {
			continue
		}
		if images[arch], err = p.Image(root, arch, o.Commit); err != nil {
			return err
		}
	}
	if o.only {
		return nil
	}
	layout := filepath.Join(o.out, p.Name, "oci")
	name := o.prefix + p.Name + ":" + o.tag
	if err := image.Layout(layout, name, images); err != nil {
		return err
	}
	file := filepath.Join(o.out, p.Name+".tar")
	if err := image.Archive(layout, file); err != nil {
		return err
	}
	size, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Printf("  %-40s %5.1f MB, %s\n", file, float64(size.Size())/1e6, name)
	return nil
}
