package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The collector keeps the process below this share of what its cgroup allows, which may be
// changed while it runs.
const (
	memoryShare = 0.9
	memoryLook  = time.Minute
)

// limitMemory sets GOMEMLIMIT from what the cgroup allows, unless the environment sets it.
func limitMemory(ctx context.Context, log *slog.Logger, allowed memlimit.Provider) {
	limit, err := memlimit.Set(memlimit.WithProvider(allowed), memlimit.WithRatio(memoryShare), memlimit.WithRefreshInterval(ctx, memoryLook))
	switch {
	case err == nil && limit < math.MaxInt64:
		log.Info("memory limit", "bytes", limit)
	case err != nil && !errors.Is(err, memlimit.ErrNoCgroup):
		log.Warn("no memory limit is taken from the cgroup", "error", err)
	}
}
