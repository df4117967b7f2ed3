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

	"github.com/neardns/neardns/nodecache/admin"
	"github.com/neardns/neardns/nodecache/cookie"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/querylog"
	"github.com/neardns/neardns/nodecache/resolve"
)

// Shards of the metrics: of a front and the one that takes over from it, each has a range of
// its own, and flights have the last.
const (
	shards      = 512
	frontShards = shards/2 - 1
	flightShard = shards - 1
)

// logRoom is how many entries of the query log may wait to be written.
const logRoom = 1024

// process is all that runs.
type process struct {
	Config
	instance string // no other process has it
	metrics  *metrics.Set
	pages    http.Handler // /metrics
	queries  *querylog.Log
	resolver *resolve.Resolver
	errors   *errorLog
	admin    admin.Servers

	kubeDNS configMap

	stopping chan struct{} // closed when it ends, and all it received is answered
	current  *generation
	front    *front
	fronts   int                   // how many there were
	addrs    atomic.Pointer[front] // front, for those who probe
	leaving  chan struct{}         // closed when it is about to end
	tidying  sync.WaitGroup        // what was replaced and is still in use
	old      sync.WaitGroup        // fronts that were replaced and still answer
}

// newProcess makes what every configuration has in common.
func newProcess(c Config) *process {
	var secret [16]byte
	rand.Read(secret[:])
	var id [8]byte
	rand.Read(id[:])
	p := &process{
		Config: c, instance: hex.EncodeToString(id[:]), metrics: metrics.New(shards),
		queries: querylog.New(c.Log.Handler(), logRoom), stopping: make(chan struct{}), leaving: make(chan struct{}),
	}
	p.metrics.Own.WatchQueryLog(p.queries.Dropped)
	p.pages = p.metrics.Handler(c.Version, c.Revision)
	p.errors = newErrorLog(c.Log)
	p.current = &generation{keep: newKeep(), cancel: func() {}}
	host, _ := os.Hostname()
	p.resolver = resolve.New(resolve.Config{
		Metrics: p.metrics, Shard: flightShard, Cookies: cookie.New(secret), Queries: p.queries, Log: c.Log,
		Version: "neardns nodecache " + c.Version, ID: host, Instance: p.instance,
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
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() { p.queries.Run(background) })
	group.Go(func() { p.errors.run(background) })
	p.startProbes(background, &group)
	p.Log.Info("answering", "addresses", p.front.addrs, "version", c.Version)
	p.watch(ctx, signals)
	err = p.stop()
	stop()
	group.Wait()
	return err
}

// startProbes answers probes of the container that this process is alone in. Elsewhere the
// socket may be another's.
func (p *process) startProbes(ctx context.Context, group *sync.WaitGroup) {
	prober, err := openProber(p.answerProbe)
	if err != nil {
		p.Log.Warn("nodecache -probe can't ask this process", "error", err)
		return
	}
	group.Go(func() { prober.run(ctx) })
}

// stop ends everything. Queries that were received are answered before.
func (p *process) stop() error {
	close(p.leaving)
	if d := p.lameduck(); d > 0 {
		time.Sleep(d)
	}
	err := p.front.leave()
	p.old.Wait()
	close(p.stopping)
	p.current.stop()
	p.resolver.Close()
	p.tidying.Wait()
	p.current.keep.closeBut(newKeep())
	p.admin.Close()
	if err != nil {
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

// live returns nil if this process answers queries, or is about to end.
func (p *process) live(ctx context.Context) error {
	found := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { found <- answersItself(ctx, p.addrs.Load().Addrs(), p.instance) }()
	select {
	case err := <-found:
		return err
	case <-p.leaving:
		cancel()
		<-found
		return nil
	}
}

func (p *process) isLeaving() bool {
	select {
	case <-p.leaving:
		return true
	default:
		return false
	}
}
