package upstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

const (
	lookAgain = time.Second // after a failure, and at least between two looks
	lookSlow  = time.Minute // at most between two looks, whatever the TTL
)

var errNoAddress = errors.New("no address")

// follow keeps the servers those that stand at Config.Name. The configured ones are asked,
// or where they don't answer those found before.
func (p *Forward) follow() {
	for {
		began := p.now()
		ttl, err := p.look()
		wait := lookAgain
		if err == nil {
			wait = min(max(ttl, p.conf.Refresh), lookSlow)
			wait = wait*3/4 + rand.N(wait/2+1) // #nosec G404 -- jitter
		} else if t := p.conf.Trace.FollowFailed; t != nil && p.ctx.Err() == nil {
			t(err)
		}
		if !p.sleep(began, wait) {
			return
		}
	}
}

// sleep waits, less long if a server fails. It reports false once the Forward is closed.
func (p *Forward) sleep(began, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-p.soon:
			timer.Reset(max(0, min(wait, began+lookAgain-p.now())))
		}
	}
}

// lookSoon makes follow look before the time.
func (p *Forward) lookSoon() {
	select {
	case p.soon <- struct{}{}:
	default:
	}
}

// look asks what stands at the name. That nothing does is an answer too, but one without
// an address or a denial is not. The family is that of the first configured server: a pod
// with addresses of both would otherwise count twice.
func (p *Forward) look() (ttl time.Duration, err error) {
	m, err := p.lookAt(p.fixedSet())
	if err != nil {
		m, err = p.lookAt(p.set.Load())
	}
	if err != nil {
		return 0, err
	}
	addrs, ttl := addresses(m)
	if code := wire.Message(m).Rcode(); len(addrs) == 0 && code != wire.NoError && code != wire.NXDomain {
		return 0, errNoAddress
	}
	p.found(addrs)
	return ttl, nil
}

func (p *Forward) lookAt(at *set) ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.conf.Timeout)
	defer cancel()
	return p.askOwn(ctx, p.lookQuery, at, 0)
}

// found takes what stands at the name for the servers.
func (p *Forward) found(addrs []netip.Addr) {
	at := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range addrs {
		at = append(at, netip.AddrPortFrom(a, p.conf.Port))
	}
	slices.SortFunc(at, netip.AddrPort.Compare)
	at = slices.Compact(at)
	p.mu.Lock()
	same := slices.Equal(p.at, at)
	p.at = at
	p.mu.Unlock()
	if same {
		return
	}
	p.arrange()
	if t := p.conf.Trace.Followed; t != nil {
		t(at)
	}
}
