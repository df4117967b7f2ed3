package nodecache

import (
	"context"
	"crypto/sha512"
	"math/rand/v2"
	"os"
	"time"
)

// watchEvery is how often files are looked at where the Corefile has no reload directive but
// the flags ask for it: as often as today's node-local cache looks at its ConfigMaps.
const watchEvery = 10 * time.Second

// watch takes in a changed Corefile until ctx ends.
func (p *process) watch(ctx context.Context, signals <-chan os.Signal) {
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			failed = "" // who asks is told
		case <-p.nextLook():
		}
		err := p.reload(ctx)
		switch {
		case err == nil:
			failed = ""
		case ctx.Err() != nil:
			return
		case err.Error() != failed: // once, not at every look
			failed = err.Error()
			p.metrics.Own.ReloadFailed.Inc()
			p.Log.Error("the Corefile can't be taken in; the last good one stays", "error", err)
		}
	}
}

// nextLook returns when to look at the files again, if ever.
func (p *process) nextLook() <-chan time.Time {
	r := p.current.conf.Reload
	switch {
	case r != nil:
		return time.After(r.Interval + time.Duration((rand.Float64()-0.5)*float64(r.Jitter))) // #nosec G404 -- nodes must not go in step
	case p.Watch:
		return time.After(watchEvery)
	}
	return nil
}

// reload takes in the Corefile if it has changed.
func (p *process) reload(ctx context.Context) error {
	conf, err := p.load()
	if err != nil {
		return err
	}
	if conf.Sum == p.current.conf.Sum {
		return nil
	}
	next, err := p.build(ctx, conf, p.current.keep)
	if err != nil {
		return err
	}
	if err := p.commit(ctx, next); err != nil {
		next.keep.closeBut(p.current.keep)
		return err
	}
	p.metrics.Own.Reloaded(sha512.Sum512(conf.Sum[:]))
	p.Log.Info("a changed Corefile was taken in", "addresses", next.addrs)
	return nil
}
