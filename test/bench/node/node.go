// Package node measures the node cache beside what it replaces (CoreDNS with the Corefile of
// today's node-local cache) and what it is held against (unbound and dnsmasq), on loopback,
// in one run.
//
//	dnsperf --UDP--> contender --TCP (dnsmasq: UDP)--> our CoreDNS
//
// The contenders take turns, each several times, and medians count: the machine's noise is
// larger than some differences.
package node

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/neardns/neardns/test/bench/gauge"
)

// Programs are the files of what was built.
type Programs struct{ NodeCache, Echo, CoreDNS, Stock string }

// rounds is how many turns each contender has.
const rounds = 3

// bench is a run.
type bench struct {
	dir      string
	programs Programs
	upstream *upstream
	table    table
	asked    int // names so far
}

// Measure measures, and prints one table. Files go to dir.
func Measure(ctx context.Context, dir string, p Programs) error {
	u, err := startUpstream(ctx, dir, p.CoreDNS)
	if err != nil {
		return err
	}
	defer u.Stop()
	b := &bench{dir: dir, programs: p, upstream: u}
	for _, part := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"hits and misses", b.speed},
		{"a flood", b.flood},
		{"memory", b.memory},
		{"a million names", b.million},
		{"connections of nodes", b.connections},
	} {
		fmt.Fprintln(os.Stderr, "bench: node cache,", part.what)
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	return nil
}

// figures are what each contender's rounds gave.
type figures [count][]float64

func (f *figures) add(i int, v ...float64) { f[i] = append(f[i], v...) }

// medians returns each contender's median.
func (f *figures) medians() (v [count]float64) {
	for i := range f {
		v[i] = gauge.Median(f[i])
	}
	return v
}

// most returns each contender's greatest.
func (f *figures) most() (v [count]float64) {
	for i := range f {
		v[i] = slices.Max(f[i])
	}
	return v
}

// p99s returns each contender's 99th percentile.
func (f *figures) p99s() (v [count]float64) {
	for i := range f {
		v[i] = gauge.P99(f[i])
	}
	return v
}
