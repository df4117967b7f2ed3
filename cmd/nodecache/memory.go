package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/neardns/neardns/nodecache/admin"
	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/metrics"
)

// memoryLook is the time between two looks at the limit, which may change while the process runs.
const memoryLook = time.Minute

// beside is the most that HTTP and the log take, in bytes.
const beside = admin.Bytes + metrics.Bytes + logRoom

// divideMemory divides what the cgroup allows, and gives the garbage collector its limit. The bounds
// then stay as they are. The collector's limit follows the cgroup, until ctx ends and unless the
// environment sets GOMEMLIMIT.
func divideMemory(ctx context.Context, log *slog.Logger, allowed memlimit.Provider) budget.Budget {
	limit, err := allowed()
	if err != nil && !errors.Is(err, memlimit.ErrNoCgroup) && !errors.Is(err, memlimit.ErrNoLimit) {
		log.Warn("no memory limit is taken from the cgroup", "error", err)
	}
	if err != nil || limit > math.MaxInt64/2 {
		limit = 0
	}
	b := budget.Divide(int64(limit), beside)
	if limit > 0 && limit < budget.Least {
		log.Warn("the memory limit is too low: the process may be killed", "bytes", limit, "least", budget.Least)
	}
	if limit > 0 {
		heap := func() (uint64, error) {
			bytes, err := allowed()
			return uint64(b.Heap(int64(min(bytes, math.MaxInt64)))), err
		}
		if _, err := memlimit.Set(memlimit.WithProvider(heap), memlimit.WithRatio(1), memlimit.WithRefreshInterval(ctx, memoryLook)); err != nil {
			log.Warn("GOMEMLIMIT is not set", "error", err)
		}
	}
	return b
}
