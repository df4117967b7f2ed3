package resolve

import (
	"time"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
)

// watch has those who wait answered from what has expired once upstream has had its time,
// if there is such an answer. The function that it returns ends that.
func (f *flight) watch() (stop func()) {
	if f.block.Stale.Wait <= 0 || !f.hasStale() {
		return func() {}
	}
	f.watched = true
	f.r.crew.group.Add(1)
	timer := time.AfterFunc(f.block.Stale.Wait, f.tooLate)
	return func() {
		if timer.Stop() {
			f.r.crew.group.Done()
		}
	}
}

// hasStale reports whether there is an answer that has expired, and may be given.
func (f *flight) hasStale() bool {
	b := f.block
	return b.mayBeStale(f.query.Name) && b.Cache.HasStale(&f.query, &b.Policy, f.r.now())
}

// tooLate answers those who wait, and lets those who come yet be answered at once.
func (f *flight) tooLate() {
	defer f.r.crew.group.Done()
	defer f.r.survive()
	if !f.hasStale() {
		return
	}
	f.shard.mu.Lock()
	waiters := f.takeWaiters()
	f.late = true
	f.shard.mu.Unlock()
	res := result{rcode: wire.ServFail, stale: true, source: tally.Failed}
	var reply []byte
	for n, w := range waiters {
		reply = f.r.land(reply, w, n, &res)
	}
}
