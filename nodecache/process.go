package nodecache

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/neardns/neardns/internal/clock"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/nodecache/admin"
	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/cookie"
	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/querylog"
	"github.com/neardns/neardns/nodecache/resolve"
	"github.com/neardns/neardns/nodecache/upstream"
)

// The numbers of those who count queries; see package tally. The readers of a front have one half and
// those of the front that takes over the other. Flights have the last number.
const (
	writers      = 512
	frontReaders = writers/2 - 1
	flightWriter = writers - 1
)

// logRoom is how many entries of the query log may wait to be written.
const logRoom = 1024

// process is all that runs.
type process struct {
	Config
	instance string       // no other process has it
	clock    *clock.Clock // of all that ages
	metrics  *metrics.Set
	pages    http.Handler // /metrics
	queries  *querylog.Log
	shares   upstream.Shares // of all forwards

	connections listen.Total // of all fronts
	resolver    *resolve.Resolver
	errors      *querylog.ErrorLog
	admin       admin.Servers
	checkup     *checkup

	kubeDNS configMap

	host         *hostnet.Host // nil where nothing of the node's is ours to set up
	interception *interception

	stopping chan struct{} // closed when it ends, and all it received is answered
	current  *generation
	front    *front
	fronts   int                     // how many there were
	addrs    atomic.Pointer[front]   // front, for those who probe
	cluster  atomic.Pointer[forward] // current's, for the fallback
	leaving  chan struct{}           // closed when it is about to end
	tidying  sync.WaitGroup          // what was replaced and is still in use
	old      sync.WaitGroup          // fronts that were replaced and still answer
}

// newProcess makes what every configuration has in common.
func newProcess(c Config) *process {
	var secret [16]byte
	rand.Read(secret[:])
	var id [8]byte
	rand.Read(id[:])
	p := &process{
		Config: c, instance: hex.EncodeToString(id[:]), clock: clock.New(), metrics: metrics.New(writers),
		queries: querylog.New(c.Log.Handler(), logRoom), stopping: make(chan struct{}), leaving: make(chan struct{}),
	}
	if p.LogDropped == nil {
		p.LogDropped = func() uint64 { return 0 }
	}
	p.metrics.Own.WatchLog(p.LogDropped, p.queries.Dropped)
	p.metrics.Own.WatchPages(p.admin.Dropped)
	p.pages = p.metrics.Handler(c.Version, c.Revision)
	p.errors = querylog.NewErrorLog(c.Log)
	p.admin.FreeBind = c.freeBind()
	p.checkup = newCheckup(func(ctx context.Context) error { return p.selfCheck(p.loopback().way()).at(ctx) })
	if p.Memory.Limit == 0 {
		p.Memory = budget.Divide(0, 0)
	}
	p.shares.Queries = p.Memory.Queries
	p.current = &generation{keep: newKeep(), cancel: func() {}}
	p.resolver = resolve.New(resolve.Config{
		Observer: p.metrics.Own, Writer: flightWriter, Clock: p.clock, Cookies: cookie.New(secret), Queries: p.queries, Log: c.Log,
		Limits:  resolve.Limits{Flights: p.Memory.Queries, Waiters: p.Memory.Waiters},
		Version: "neardns nodecache " + c.Version, ID: c.Identity, Instance: p.instance, SelfChecks: hostnet.ProbePrefixes(),
	})
	return p
}

// Run answers queries until ctx ends, and then hands over, answers what it received, and
// returns. An error says why it could not start, or what it left unanswered.
func Run(ctx context.Context, c Config) error {
	signals := make(chan os.Signal, 1) // one that comes too early or too late would end the process
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGHUP)
	defer signal.Stop(signals)
	p := newProcess(c)
	conf, err := p.load()
	if err != nil {
		return err
	}
	next, err := p.build(ctx, conf, p.current.keep)
	if err != nil {
		return err
	}
	if err := p.commit(ctx, next); err != nil {
		next.keep.closeBut(newKeep())
		return err
	}
	var group sync.WaitGroup
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group.Go(func() { p.clock.Run(background) })
	group.Go(func() { p.queries.Run(background) })
	group.Go(func() { p.errors.Run(background) })
	if err = p.openHost(); err == nil {
		p.interception.round(ctx)
		p.startProbes(background, &group)
		p.Log.Info("bounds within the memory limit, in bytes and pieces", "memory", &p.Memory)
		p.Log.Info("answering", "addresses", p.front.addrs, "version", c.Version)
		err = p.serve(ctx, signals)
	}
	if stopped := p.stopInTime(err == nil); stopped != nil {
		return errors.Join(err, stopped)
	}
	end()
	group.Wait()
	return err
}

// serve takes in changes and renews the interception until ctx ends. It returns an error if
// this process does not answer any more.
func (p *process) serve(ctx context.Context, signals <-chan os.Signal) (silent error) {
	ctx, end := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { silent = p.interception.run(ctx); end() })
	p.watch(ctx, signals)
	end()
	renewing.Wait()
	return silent
}

// startProbes answers probes of the container that this process is alone in. Elsewhere the
// socket may be another's.
func (p *process) startProbes(ctx context.Context, group *sync.WaitGroup) {
	prober, err := openProber(p.answer)
	if err != nil {
		p.Log.Warn("nodecache -probe can't ask this process", "error", err)
		return
	}
	group.Go(func() { prober.run(ctx) })
}

// stopTime is how long stopping may take beside the lameduck time: that of draining, 5 s, and
// some more.
const stopTime = 8 * time.Second

// stopInTime stops, unless that takes too long: then what is left is the kernel's to take
// back. Others are told before, if there is a next process for them to go to.
func (p *process) stopInTime(tell bool) error {
	var lameduck time.Duration
	if tell {
		lameduck = p.lameduck()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop(lameduck) }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(lameduck + stopTime):
		return fmt.Errorf("stopping: not done after %v", lameduck+stopTime)
	}
}

// stop ends everything. Queries that were received are answered before, from addresses that
// are still here; new ones go where they went without us.
func (p *process) stop(lameduck time.Duration) error {
	close(p.leaving)
	p.checkup.close()
	err := p.release()
	time.Sleep(lameduck)
	err = errors.Join(err, p.front.leave())
	p.old.Wait()
	close(p.stopping)
	p.current.stop()
	p.resolver.Close()
	p.tidying.Wait()
	p.current.keep.closeBut(newKeep())
	p.admin.Close()
	if err = errors.Join(err, p.closeHost()); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// lameduck returns how long the process tells that it is about to end and still answers.
func (p *process) lameduck() (d time.Duration) {
	for _, h := range p.current.conf.Health {
		d = max(d, h.Lameduck)
	}
	return d
}

// answerProbe answers nodecache -probe.
func (p *process) answerProbe(ctx context.Context, question string) error {
	switch question {
	case "live":
		return p.live(ctx)
	case "ready":
		if p.isLeaving() {
			return errors.New("stopping")
		}
		return p.live(ctx)
	}
	return fmt.Errorf("unknown probe %q, expected live or ready", question)
}

// live returns nil if this process answers queries, as the last check has it, or is about to
// end.
func (p *process) live(ctx context.Context) error {
	if p.isLeaving() {
		return nil
	}
	if err := p.checkup.result(ctx); !p.isLeaving() {
		return err
	}
	return nil
}

// selfCheck returns what asks this process.
func (p *process) selfCheck(w way) selfCheck { return selfCheck{w, p.instance, p.addrs.Load} }

func (p *process) isLeaving() bool {
	select {
	case <-p.leaving:
		return true
	default:
		return false
	}
}
