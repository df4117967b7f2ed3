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

	"github.com/neardns/neardns/nodecache/budget"
)

// TestDivideMemory divides what the cgroup allows, and gives the collector its part. The library's own
// tests show that it finds a cgroup of either version.
func TestDivideMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, test := range []struct {
		name    string
		allowed memlimit.Provider
		limit   int64
		heap    bool
		logged  string
	}{
		{"a limit", memlimit.Limit(1 << 30), 1 << 30, true, ""},
		{"too low", memlimit.Limit(8 << 20), budget.Least, true, "the memory limit is too low"},
		{"none", func() (uint64, error) { return 0, memlimit.ErrNoLimit }, budget.Default, false, ""},
		{"version 1 without one", memlimit.Limit(math.MaxInt64 &^ 4095), budget.Default, false, ""},
		{"no cgroup", func() (uint64, error) { return 0, memlimit.ErrNoCgroup }, budget.Default, false, ""},
		{"an error", func() (uint64, error) { return 0, errors.New("broken") }, budget.Default, false, "error=broken"},
	} {
		debug.SetMemoryLimit(before)
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		b := divideMemory(ctx, slog.New(slog.NewTextHandler(&out, nil)), test.allowed)
		cancel()
		want := before
		if limit, _ := test.allowed(); test.heap {
			want = b.Heap(int64(limit))
		}
		if got := debug.SetMemoryLimit(-1); b.Limit != test.limit || got != want {
			t.Errorf("%s: %d bytes are divided, GOMEMLIMIT is %d, expected %d and %d", test.name, b.Limit, got, test.limit, want)
		}
		if !strings.Contains(out.String(), test.logged) || test.logged == "" && out.Len() > 0 {
			t.Errorf("%s: logged %q, expected %q", test.name, out.String(), test.logged)
		}
	}
}

// TestDivideMemoryFollows takes in that the cgroup allows more, or less, while the process runs.
func TestDivideMemoryFollows(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var allowed atomic.Uint64
		b := divideMemory(ctx, slog.New(slog.DiscardHandler), func() (uint64, error) { return max(allowed.Load(), 1<<30), nil })
		for _, bytes := range []uint64{1 << 32, 1 << 31} {
			allowed.Store(bytes)
			time.Sleep(memoryLook + time.Second)
			if got, want := debug.SetMemoryLimit(-1), b.Heap(int64(bytes)); got != want {
				t.Errorf("%d bytes are allowed: %d, expected %d", bytes, got, want)
			}
		}
	})
}

// TestDivideMemoryEnvironment leaves GOMEMLIMIT to whoever set it.
func TestDivideMemoryEnvironment(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB") // the runtime has read it already
	before := debug.SetMemoryLimit(-1)
	b := divideMemory(t.Context(), slog.New(slog.DiscardHandler), memlimit.Limit(64<<20))
	if got := debug.SetMemoryLimit(-1); got != before || b.Limit != 64<<20 {
		t.Errorf("%d bytes, expected %d; %+v", got, before, b)
	}
}
