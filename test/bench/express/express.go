// Package express measures the express lane beside what it replaces (stock CoreDNS, and our own
// with `express off`) and what bounds it (an echo by the same sockets), and beside unbound with the
// same names. All run at the same time on loopback, and the table comes from one run.
//
//	API server --list--> file --snapshot--> ours, on and off
//	     |                +------local-data-> unbound
//	     +--watch-------------------------> stock
//
//	dnsperf --UDP, TCP--> contender --what is not of the cluster--> upstream
//
// The contenders take turns, each several times, and medians count: some differences are smaller
// than the machine's noise.
package express

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"

	"github.com/neardns/neardns/test/bench/gauge"
)

// Programs are the files of the built programs.
type Programs struct{ CoreDNS, Stock, NodeCache, Echo string }

// API is an API server with the measured cluster, and the lines of a kubernetes block that say how
// to reach it.
type API struct {
	Client kubernetes.Interface
	Access string
}

// rounds is how many turns each contender has.
const rounds = 3

// bench is a run.
type bench struct {
	dir      string
	programs Programs
	api      API
	objects  objects
	snapshot string // file of the objects
	upstream *upstream
	table    table
	files    int // of queries, so far
}

// Measure measures, and prints one table. Files go to dir.
func Measure(ctx context.Context, dir string, p Programs, api API) error {
	b := &bench{dir: dir, programs: p, api: api, snapshot: filepath.Join(dir, "express.json")}
	var err error
	if b.objects, err = listObjects(ctx, api.Client); err != nil {
		return err
	}
	if err := b.objects.snapshot(b.snapshot); err != nil {
		return err
	}
	if b.upstream, err = startUpstream(); err != nil {
		return err
	}
	defer b.upstream.stop()
	for _, part := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"speed", b.speed},
		{"memory", b.memory},
		{"behind a node cache", b.behind},
	} {
		fmt.Fprintln(os.Stderr, "bench: express lane,", part.what)
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	return nil
}

// figures are the results of each contender's rounds.
type figures [count][]float64

func (f *figures) add(i int, v ...float64) { f[i] = append(f[i], v...) }

// medians returns each contender's median.
func (f *figures) medians() (v [count]float64) {
	for i := range f {
		v[i] = gauge.Median(f[i])
	}
	return v
}
