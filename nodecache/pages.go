package nodecache

import (
	"context"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/nodecache/admin"
	"github.com/neardns/neardns/nodecache/corefile"
)

// wantedPages returns what a generation, and the flags, want served over HTTP.
func (p *process) wantedPages(g *generation) admin.Pages {
	pages := admin.Pages{}
	for _, addr := range append(g.conf.PrometheusAddrs(), p.MetricsAddrs...) {
		pages.Add(addr, "/metrics", p.pages)
	}
	for _, h := range g.conf.Health {
		pages.Add(h.Addr, "/health", http.HandlerFunc(p.health))
	}
	for _, r := range g.conf.Ready {
		pages.Add(r.Addr, "/ready", p.ready(r))
	}
	if g.conf.Pprof != nil {
		addProfiles(pages, g.conf.Pprof)
	}
	return pages
}

// healthTime is how long /health and /ready wait for a check that runs.
// One is over in roundTime, so that it is the check that tells, and not how busy the machine is.
const healthTime = roundTime + time.Second

// health answers OK while this process answers queries. So it does while it is about to end,
// as with CoreDNS: who asks may mean the one that takes over and shares the port.
func (p *process) health(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), healthTime)
	defer cancel()
	err := p.live(ctx)
	p.metrics.Own.HealthDuration.Observe(time.Since(began).Seconds())
	if err != nil {
		p.metrics.Own.HealthFailures.Inc()
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, http.StatusText(http.StatusOK))
}

// ready answers OK once this process answers queries, until it is about to end; what was
// ready stays so, unless r wants it looked at each time, which is once a second at most.
func (p *process) ready(conf corefile.Ready) http.Handler {
	var once atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTime)
		defer cancel()
		if !once.Load() || conf.Continuously || p.isLeaving() {
			if err := p.answerProbe(ctx, "ready"); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			once.Store(true)
		}
		io.WriteString(w, http.StatusText(http.StatusOK))
	})
}

// setProfiles has the runtime collect what a pprof directive wants.
func setProfiles(conf *corefile.Pprof) {
	rate := 0
	if conf != nil {
		rate = conf.BlockRate
	}
	runtime.SetBlockProfileRate(rate)
}

// addProfiles adds the pages of the pprof directive.
func addProfiles(pages admin.Pages, conf *corefile.Pprof) {
	for path, h := range map[string]http.HandlerFunc{
		"/debug/pprof/": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline, "/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
	} {
		pages.Add(conf.Addr, path, h)
	}
}
