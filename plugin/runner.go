package kubernetes

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/neardns/neardns/plugin/zone"
)

// runner starts and joins a follower.
type runner struct {
	timeout time.Duration // how long the start waits for the first records
	ctx     context.Context
	cancel  context.CancelFunc
	done    sync.WaitGroup

	follower follower    // set by start
	store    *zone.Store // which the follower fills
}

func newRunner(timeout time.Duration) *runner {
	r := &runner{timeout: timeout}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// start runs the follower, and waits until the store is filled or the timeout is over. Then the
// server starts. Without records it answers SERVFAIL, and the follower goes on trying.
func (r *runner) start(f follower, store *zone.Store) error {
	r.follower, r.store = f, store
	live.add(r)
	r.done.Go(func() { f.Run(r.ctx) })
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	synced := make(chan error, 1)
	go func() { synced <- f.WaitSynced(ctx) }()
	report := time.NewTicker(500 * time.Millisecond)
	defer report.Stop()
	for {
		select {
		case err := <-synced:
			if err != nil {
				log.Warning("starting server with unsynced Kubernetes API")
			}
			return nil
		case <-report.C:
			log.Info("waiting for Kubernetes API before starting server")
		}
	}
}

// whenSynced calls then once the follower has filled the store, unless it is stopped before.
func (r *runner) whenSynced(f follower, then func()) {
	r.done.Go(func() {
		if f.WaitSynced(r.ctx) == nil {
			then()
		}
	})
}

// age returns how old the records are at most, and false if there are none. They are not old while they
// are current.
func (r *runner) age() (time.Duration, bool) {
	if !r.store.Synced() {
		return 0, false
	}
	since := r.store.AsOf()
	if f, ok := r.follower.(interface{ AwaySince() time.Time }); ok && since.IsZero() {
		since = f.AwaySince()
	}
	return elapsed(since), true
}

// behind returns for how long the file that records are kept in has lacked a change, and false if there
// is no such file.
func (r *runner) behind() (time.Duration, bool) {
	f, ok := r.follower.(*kept)
	if !ok {
		return 0, false
	}
	return elapsed(f.Behind()), true
}

// elapsed returns the time since then, and 0 for the zero time.
func elapsed(then time.Time) time.Duration {
	if then.IsZero() {
		return 0
	}
	return max(0, time.Since(then))
}

// replaced is for caddy's OnShutdown: it ends the follower of an instance whose place another
// took. When the program ends, caddy calls it as well, before OnFinalShutdown. There the health
// plugin waits out its lameduck time, and records have to go on changing until that is over. So
// then it does nothing.
func (r *runner) replaced() error {
	if live.leaves(r) {
		return r.stop()
	}
	return nil
}

// stop is for caddy's OnFinalShutdown: it ends the follower and waits until it has ended. In the
// order of plugins, health stands before us.
func (r *runner) stop() error {
	r.cancel()
	r.done.Wait()
	live.remove(r)
	return nil
}

// runners are the runners of all instances. caddy starts the followers of a new instance before it
// opens the instance's sockets. If it can't open those, it forgets the instance, and nobody would
// stop the followers. So the instance that stays does: restarting notes what ran before, failed
// stops all others.
type runners struct {
	mu     sync.Mutex
	all    []*runner
	before []*runner // during a restart: the runners of the old instance
}

// live holds the runners that run. During a restart there are two instances.
var live runners

func (l *runners) add(r *runner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
}

func (l *runners) remove(r *runner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := func(o *runner) bool { return o == r }
	l.all, l.before = slices.DeleteFunc(l.all, same), slices.DeleteFunc(l.before, same)
}

// longest returns the greatest of the times that one function returns for each runner, in seconds, or NaN
// if there is none.
func (l *runners) longest(of func(*runner) (time.Duration, bool)) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	longest := math.NaN()
	for _, r := range l.all {
		if d, ok := of(r); ok && !(longest > d.Seconds()) {
			longest = d.Seconds()
		}
	}
	return longest
}

// leaves reports whether, in a restart, another instance takes r's place.
func (l *runners) leaves(r *runner) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.before, r)
}

// restarting is for caddy's OnRestart.
func (l *runners) restarting() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = slices.Clone(l.all)
	return nil
}

// failed is for caddy's OnRestartFailed.
func (l *runners) failed() error {
	l.mu.Lock()
	orphans := slices.DeleteFunc(slices.Clone(l.all), func(r *runner) bool { return slices.Contains(l.before, r) })
	l.before = nil
	l.mu.Unlock()
	for _, r := range orphans {
		_ = r.stop() // it returns no error
	}
	return nil
}
