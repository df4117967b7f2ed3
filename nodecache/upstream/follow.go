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
	lookAgain = time.Second // after a failure, and the shortest time between any two look-ups
	lookSlow  = time.Minute // the longest time between two look-ups, whatever the TTL
)

var errNoAddress = errors.New("no address")

// follow keeps looking up the servers at Config.Name. It asks the configured servers, or if they
// don't answer, the servers found before.
func (f *Forward) follow() {
	for {
		began := f.now()
		ttl, err := f.look()
		wait := lookAgain
		if err == nil {
			wait = min(max(ttl, f.conf.Refresh), lookSlow)
			wait = wait*3/4 + rand.N(wait/2+1) // so that nodes don't look at the same time
		} else if t := f.conf.Trace.FollowFailed; t != nil && f.ctx.Err() == nil {
			t(err)
		}
		if !f.sleep(began, wait) {
			return
		}
	}
}

// sleep waits, but not as long if a server fails. It reports false once the Forward is closed.
func (f *Forward) sleep(began, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-f.soon:
			timer.Reset(max(0, min(wait, began+lookAgain-f.now())))
		}
	}
}

// lookSoon makes follow look sooner.
func (f *Forward) lookSoon() {
	select {
	case f.soon <- struct{}{}:
	default:
	}
}

// look looks up the addresses at the name. An answer that nothing is there counts. One that has
// no address and is no denial does not. Only addresses of the first configured server's family
// are looked up: a Pod with addresses of both families would otherwise count twice.
func (f *Forward) look() (ttl time.Duration, err error) {
	m, err := f.lookAt(f.fixedSet())
	if err != nil {
		m, err = f.lookAt(f.set.Load())
	}
	if err != nil {
		return 0, err
	}
	addrs, ttl := addresses(m)
	if code := wire.Message(m).Rcode(); len(addrs) == 0 && code != wire.NoError && code != wire.NXDomain {
		return 0, errNoAddress
	}
	f.found(addrs)
	return ttl, nil
}

func (f *Forward) lookAt(at *set) ([]byte, error) {
	ctx, cancel := context.WithTimeout(f.ctx, f.conf.Timeout)
	defer cancel()
	return f.askOwn(ctx, f.own.look, at, 0)
}

// addresses returns the addresses in the answer section of m, and the least of their TTLs.
func addresses(m wire.Message) (addrs []netip.Addr, ttl time.Duration) {
	for w := wire.Walk(m); w.Next(); {
		addr, ok := netip.AddrFromSlice(m[w.Data:w.End])
		if w.Section != wire.Answer || !ok || w.Type != typeFor(addr) {
			continue
		}
		if next := time.Duration(w.TTL) * time.Second; len(addrs) == 0 || next < ttl {
			ttl = next
		}
		addrs = append(addrs, addr.Unmap())
	}
	return addrs, ttl
}

// found makes the servers at these addresses the ones to ask.
func (f *Forward) found(addrs []netip.Addr) {
	at := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range addrs {
		at = append(at, netip.AddrPortFrom(a, f.conf.Port))
	}
	slices.SortFunc(at, netip.AddrPort.Compare)
	at = slices.Compact(at)
	f.mu.Lock()
	same := slices.Equal(f.at, at)
	f.at = at
	f.mu.Unlock()
	if same {
		return
	}
	f.arrange()
	if t := f.conf.Trace.Followed; t != nil {
		t(at)
	}
}

// foundEndpoints returns the servers found, to be asked in the same way as the configured ones.
func (f *Forward) foundEndpoints() []Endpoint {
	found := make([]Endpoint, 0, len(f.at))
	for _, at := range f.at {
		found = append(found, Endpoint{at, f.fixed[0].Proto, f.fixed[0].ServerName})
	}
	return found
}
