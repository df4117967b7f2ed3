package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// TestLimitMemoryFollows takes in that the cgroup allows more, or less, while the process runs.
func TestLimitMemoryFollows(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var allowed atomic.Uint64
		limitMemory(ctx, slog.New(slog.DiscardHandler), func() (uint64, error) { return max(allowed.Load(), 1<<30), nil })
		for _, bytes := range []uint64{1 << 32, 1 << 31} {
			allowed.Store(bytes)
			time.Sleep(memoryLook + time.Second)
			if got, want := debug.SetMemoryLimit(-1), int64(float64(bytes)*memoryShare); got != want {
				t.Errorf("%d bytes are allowed: %d, expected %d", bytes, got, want)
			}
		}
	})
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
