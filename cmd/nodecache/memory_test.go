package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// TestLimitMemory gives the collector nine tenths of what the cgroup allows, and says so. That
// a cgroup of either version is found is the library's own tests' business.
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, test := range []struct {
		name    string
		allowed memlimit.Provider
		want    int64
		logged  string
	}{
		{"a limit", memlimit.Limit(1 << 30), 966367641, "memory limit,bytes=966367641"},
		{"none", func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64, ""},
		{"no cgroup", func() (uint64, error) { return 0, memlimit.ErrNoCgroup }, before, ""},
		{"an error", func() (uint64, error) { return 0, errors.New("broken") }, before, "no memory limit is taken from the cgroup,error="},
	} {
		debug.SetMemoryLimit(before)
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		limitMemory(ctx, slog.New(slog.NewTextHandler(&out, nil)), test.allowed)
		cancel()
		if got := debug.SetMemoryLimit(-1); got != test.want {
			t.Errorf("%s: %d bytes, expected %d", test.name, got, test.want)
		}
		for part := range strings.SplitSeq(test.logged, ",") {
			if !strings.Contains(out.String(), part) || test.logged == "" && out.Len() > 0 {
				t.Errorf("%s: logged %q, expected %q", test.name, out.String(), test.logged)
			}
		}
	}
}

// TestLimitMemoryEnvironment leaves the limit to who set it.
func TestLimitMemoryEnvironment(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB") // the runtime has read it already
	before := debug.SetMemoryLimit(-1)
	limitMemory(t.Context(), slog.New(slog.DiscardHandler), memlimit.Limit(1<<20))
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("%d bytes, expected %d", got, before)
	}
}
