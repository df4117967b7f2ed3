package kubernetes

import (
	"context"
	"slices"
	"sync"
	"time"
)

// runner starts and joins a source.
type runner struct {
	timeout time.Duration // how long the start waits for the first records
	ctx     context.Context
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func newRunner(timeout time.Duration) *runner {
	r := &runner{timeout: timeout}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// start runs the source, and waits for its first records until the timeout: then the
// server starts, answering SERVFAIL, while the source goes on trying.
func (r *runner) start(s source) error {
	live.add(r)
	r.done.Go(func() { s.Run(r.ctx) })
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	report := time.NewTicker(500 * time.Millisecond)
	defer report.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if s.Synced() {
				return nil
			}
		case <-report.C:
			log.Info("waiting for Kubernetes API before starting server")
		case <-timeout.C:
			log.Warning("starting server with unsynced Kubernetes API")
			return nil
		}
	}
}

// whenSynced calls then once the source has filled the store, unless it is stopped before.
func (r *runner) whenSynced(s source, then func()) {
	r.done.Go(func() {
		poll := time.NewTicker(100 * time.Millisecond)
		defer poll.Stop()
		for !s.Synced() {
			select {
			case <-r.ctx.Done():
				return
			case <-poll.C:
			}
		}
		then()
	})
}

// replaced is for caddy's OnShutdown: it ends the source of an instance that another took the
// place of. When the program leaves, caddy calls it as well, before OnFinalShutdown, in which
// the health plugin waits out its lameduck time: records have to go on changing until that is
// over.
func (r *runner) replaced() error {
	if live.leaves(r) {
		return r.stop()
	}
	return nil
}

// stop is for caddy's OnFinalShutdown: it ends the source and waits until it has ended. The
// plugins' order has health stand before us.
func (r *runner) stop() error {
	r.cancel()
	r.done.Wait()
	live.remove(r)
	return nil
}

// runners are those that run. caddy starts a new instance's sources before it opens its
// sockets, and forgets the instance if these fail; nobody would stop the sources. So the
// instance that stays does: restarting notes what ran before, failed stops all else.
type runners struct {
	mu     sync.Mutex
	all    []*runner
	before []*runner // while a restart is under way: those of the old instance
}

// live holds the runners of all instances, of which a restart has two.
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

// leaves reports whether a restart has another instance take r's place.
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
