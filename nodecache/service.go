package nodecache

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/nodecache/admin"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/forward"
	"github.com/neardns/neardns/nodecache/intercept"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/probe"
	"github.com/neardns/neardns/nodecache/resolve"
)

// service is a generation at work, with its sockets and pages.
type service struct {
	resolver *resolve.Resolver
	fronts   *fronts
	admin    *admin.Servers
	pages    pages
	metrics  *metrics.Set
	level    *slog.LevelVar
	log      *slog.Logger

	current  *generation
	cluster  atomic.Pointer[forward.Forward] // current's, for the fallback
	stopping chan struct{}                   // closed when everything that was received is answered
	tidying  sync.WaitGroup                  // retire
}

// replace puts next to work. Its sockets open before those of the generation before close. Where
// one can't be opened, all stays as it is.
func (s *service) replace(ctx context.Context, next *generation) error {
	pages, err := s.admin.Open(ctx, s.pages.of(next.conf))
	if err != nil {
		return err
	}
	old := s.current
	s.show(next)
	before := s.resolver.Set(next.table)
	front, err := s.fronts.open(next.addrs, s.resolver.Handle)
	if err != nil {
		s.resolver.Set(before)
		s.show(old)
		pages.Abandon()
		return placed(next.conf, err)
	}
	if front != nil {
		s.fronts.replace(front)
	}
	pages.Commit()
	old.empty(next)
	next.follow(old)
	next.warnUnfit(s.log, s.fronts.memory.Queries)
	s.current = next
	s.cluster.Store(next.cluster)
	s.apply(next.conf)
	old.stop()
	next.watchLoops(s.resolver)
	s.retire(old)
	return nil
}

// show shows a generation in the metrics.
func (s *service) show(g *generation) {
	s.metrics.WatchCaches(g.caches)
	s.metrics.SetPlugins(g.plugins)
}

// apply sets what the Corefile says of the whole process, and logs its notes.
func (s *service) apply(conf *corefile.Config) {
	s.level.Set(slog.LevelInfo)
	if slices.ContainsFunc(conf.Blocks, func(b *corefile.Block) bool { return b.Debug }) {
		s.level.Set(slog.LevelDebug)
	}
	rate := 0
	if conf.Pprof != nil {
		rate = conf.Pprof.BlockRate
	}
	runtime.SetBlockProfileRate(rate)
	for _, n := range conf.Notes {
		s.log.Info("Corefile", "note", n.String())
	}
}

// retireAfter is how long the generation before may still be asked: by a query that took its table,
// and by all that this query asks.
const retireAfter = 10 * time.Second

// retire ends, after retireAfter, what only old needs.
func (s *service) retire(old *generation) {
	next := s.current
	old.keep.forgetFailures(next.keep)
	s.tidying.Go(func() {
		select {
		case <-time.After(retireAfter):
		case <-s.stopping:
		}
		next.followAgain(old)
		old.keep.closeBut(next.keep)
	})
}

// clusterForward returns the forward of the cluster domain as it is now.
func (s *service) clusterForward() intercept.Cluster { return s.cluster.Load() }

// lameduck is how long the service still answers after it has told that it is about to end.
func (s *service) lameduck() (d time.Duration) {
	for _, h := range s.current.conf.Health {
		d = max(d, h.Lameduck)
	}
	return d
}

// close answers what was received, and ends everything.
func (s *service) close() error {
	err := s.fronts.close()
	close(s.stopping)
	s.current.stop()
	s.resolver.Close()
	s.tidying.Wait()
	s.current.keep.closeBut(newKeep())
	s.admin.Close()
	return err
}

// pages is what is served over HTTP.
type pages struct {
	metrics      http.Handler // /metrics
	metricsAddrs []string     // that serve it beside those of the Corefile
	status       *probe.Status
	events       *metrics.Events
}

// of returns the pages that a Corefile and the flags want.
func (p *pages) of(conf *corefile.Config) admin.Pages {
	all := admin.Pages{}
	for _, addr := range append(conf.PrometheusAddrs(), p.metricsAddrs...) {
		all.Add(addr, "/metrics", p.metrics)
	}
	for _, h := range conf.Health {
		all.Add(h.Addr, "/health", p.status.Health(p.count))
	}
	for _, r := range conf.Ready {
		all.Add(r.Addr, "/ready", p.status.ReadyPage(r.Continuously))
	}
	if conf.Pprof != nil {
		for path, h := range map[string]http.HandlerFunc{
			"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
		} {
			all.Add(conf.Pprof.Addr, "/debug/pprof/"+path, h)
		}
	}
	return all
}

// count counts a request for /health.
func (p *pages) count(err error, took time.Duration) {
	p.events.HealthDuration.Observe(took.Seconds())
	if err != nil {
		p.events.HealthFailures.Inc()
	}
}
