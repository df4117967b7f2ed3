package nodecache

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/neardns/neardns/internal/clock"
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/nodecache/admin"
	"github.com/neardns/neardns/nodecache/forward"
	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/intercept"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/probe"
	"github.com/neardns/neardns/nodecache/querylog"
	"github.com/neardns/neardns/nodecache/resolve"
	"github.com/neardns/neardns/nodecache/selfcheck"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Run answers queries until ctx ends. Then it hands over, answers what it received, and returns. An
// error says why it could not start, or what it left unanswered.
func Run(ctx context.Context, c Config) error {
	signals := make(chan os.Signal, 1) // a signal that comes too early or too late would end the process
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGHUP)
	defer signal.Stop(signals)
	r := newRunner(c.withDefaults())
	if _, err := r.take(ctx); err != nil {
		return err
	}
	var group sync.WaitGroup
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	for _, run := range r.background {
		group.Go(func() { run(background) })
	}
	node, err := intercept.Open(r.node)
	if err == nil {
		node.Renew(ctx) // it logs what is wrong
		r.startProbes(background, &group)
		r.Log.Info("bounds within the memory limit, in bytes and pieces", "memory", &r.Memory)
		r.Log.Info("answering", "addresses", r.service.current.addrs, "version", r.Version)
		err = r.serve(ctx, signals, node)
	}
	if stopped := r.stopInTime(node, err == nil); stopped != nil {
		return errors.Join(err, stopped)
	}
	end()
	group.Wait()
	return err
}

// runner is what runs from the start of the process to its end.
type runner struct {
	Config
	metrics    *metrics.Set
	background []func(context.Context) // each runs until its context ends
	loader     loader
	builder    builder
	service    service
	status     *probe.Status
	node       intercept.Config
}

// logRoom is how many entries of the query log may wait to be written.
const logRoom = 1024

// newRunner makes the parts that last as long as the process.
func newRunner(c Config) *runner {
	clock, set := clock.New(), metrics.New(writers)
	queries, failures := querylog.New(c.Log.Handler(), logRoom), querylog.NewErrorLog(c.Log)
	r := &runner{Config: c, metrics: set, background: []func(context.Context){clock.Run, queries.Run, failures.Run}}
	r.loader = loader{path: c.Corefile, kubeDNS: c.KubeDNS, options: c.Options, events: set.Events, log: c.Log}
	r.builder = builder{
		corefile: c.Corefile, host: c.Host, cache: c.Memory.Cache, metrics: set, errors: failures, log: c.Log,
		forwards: forward.Shared{
			Shares: &upstream.Shares{Queries: c.Memory.Queries}, Clock: clock, Node: c.Node,
			Trace: set.Trace(), Metrics: set.Events, Log: c.Log,
		},
	}
	instance := hex.EncodeToString(random(8)) // no other process has it
	resolver := resolve.New(resolve.Config{
		Observer: set.Events, Writer: flightWriter, Clock: clock, Cookies: cookie.New([16]byte(random(16))), Queries: queries, Log: c.Log,
		Limits:  resolve.Limits{Flights: c.Memory.Queries, Waiters: c.Memory.Waiters},
		Version: "neardns nodecache " + c.Version, ID: c.Identity, Instance: instance, SelfChecks: hostnet.ProbePrefixes(),
	})
	fronts := &fronts{memory: &r.Memory, freeBind: c.Host.FreeBind(), log: c.Log}
	checker := selfcheck.New(resolve.InstanceName(instance), func() selfcheck.Front { return fronts.current.Load() })
	r.status = probe.NewStatus(selfcheck.NewCheckup(func(ctx context.Context) error { return checker.Check(ctx, c.Host.Loopback()) }))
	r.service = service{
		resolver: resolver, fronts: fronts, admin: &admin.Servers{FreeBind: c.Host.FreeBind()}, metrics: set, level: c.Level, log: c.Log,
		pages:   pages{set.Handler(c.Version, c.Revision), c.MetricsAddrs, r.status, set.Events},
		current: newGeneration(), stopping: make(chan struct{}),
	}
	r.node = intercept.Config{Host: c.Host, Checker: checker, Cluster: r.service.clusterForward, Metrics: set.Events, Log: c.Log}
	set.WatchFronts(fronts.ledger.Counts)
	set.Events.WatchLog(c.LogDropped, queries.Dropped)
	set.Events.WatchPages(r.service.admin.Dropped)
	return r
}

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// take takes in the Corefile. It reports false if the Corefile is the one that is at work.
func (r *runner) take(ctx context.Context) (changed bool, err error) {
	old := r.service.current
	conf, err := r.loader.load()
	if err != nil || conf.Sum == old.conf.Sum {
		return false, err
	}
	next, err := r.builder.build(ctx, conf, old.keep)
	if err != nil {
		return false, err
	}
	if err := r.service.replace(ctx, next); err != nil {
		next.keep.closeBut(old.keep)
		return false, err
	}
	return true, nil
}

// startProbes answers the programs in this container. Where this process is not alone in its PID
// namespace, another one may have the socket.
func (r *runner) startProbes(ctx context.Context, group *sync.WaitGroup) {
	s, err := probe.Listen(r.status, r.service.resolver, r.Log)
	if err != nil {
		r.Log.Warn("nodecache -probe can't ask this process", "error", err)
		return
	}
	group.Go(func() { s.Run(ctx) })
}

// serve takes in changes and renews the interception until ctx ends. It returns an error if this
// process does not answer any more.
func (r *runner) serve(ctx context.Context, signals <-chan os.Signal, node *intercept.Interception) (silent error) {
	ctx, end := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { silent = node.Run(ctx); end() })
	r.watch(ctx, signals)
	end()
	renewing.Wait()
	return silent
}

// watch takes in a changed Corefile until ctx ends.
func (r *runner) watch(ctx context.Context, signals <-chan os.Signal) {
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			failed = "" // whoever sent it wants to know
		case <-r.nextLook():
		}
		changed, err := r.take(ctx)
		switch {
		case err == nil && changed:
			failed = ""
			g := r.service.current
			r.metrics.Events.Reloaded(sha512.Sum512(g.conf.Sum[:]))
			r.Log.Info("a changed Corefile was taken in", "addresses", g.addrs)
		case err == nil:
			failed = ""
		case ctx.Err() != nil:
			return
		case err.Error() != failed: // logged once, not at every look
			failed = err.Error()
			r.metrics.Events.ReloadFailed.Inc()
			r.Log.Error("the Corefile can't be taken in; the last good one stays", "error", err)
		}
	}
}

// watchEvery is the time between two looks at files where the Corefile has no reload directive but
// the flags ask for it. Today's node-local cache looks at its ConfigMaps as often.
const watchEvery = 10 * time.Second

// nextLook returns when to look at the files again; nil for never.
func (r *runner) nextLook() <-chan time.Time {
	reload := r.service.current.conf.Reload
	switch {
	case reload != nil: // nodes must not go in step
		return time.After(reload.Interval + time.Duration((mathrand.Float64()-0.5)*float64(reload.Jitter)))
	case r.Watch:
		return time.After(watchEvery)
	}
	return nil
}

// stopTime is how long stopping may take beside the lameduck time.
const stopTime = drain + 3*time.Second

// stopInTime stops. If that takes too long, it gives up, and the kernel takes the rest back. With
// tell, it first shows for the lameduck time that it is about to end: others may have a next process
// to go to.
func (r *runner) stopInTime(node *intercept.Interception, tell bool) error {
	var lameduck time.Duration
	if tell {
		lameduck = r.service.lameduck()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop(node, lameduck) }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(lameduck + stopTime):
		return fmt.Errorf("stopping: not done after %v", lameduck+stopTime)
	}
}

// stop ends everything. Queries that were received are answered before, from addresses that are
// still here. New ones go where they went without us. Without a node, there is nothing to give back.
func (r *runner) stop(node *intercept.Interception, lameduck time.Duration) (err error) {
	r.status.Leave()
	if node != nil {
		err = node.Release()
	}
	time.Sleep(lameduck)
	err = errors.Join(err, r.service.close())
	if node != nil {
		err = errors.Join(err, node.Close())
	}
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
