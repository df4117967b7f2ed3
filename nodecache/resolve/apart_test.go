package resolve

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/nodecache/cache"
)

// TestUpstreamsApart has what befalls the servers of one forward of a block not touch the names of
// another: prefetches go where the name is asked, and while one is out, names of the other are
// neither failures nor answered from what has expired.
func TestUpstreamsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		special := newFake()
		r := newRig(t, func(b *Block) {
			b.Policy.Prefetch = cache.Popularity{Amount: 3, Gap: time.Minute, Percent: 10}
			b.Forwards = slices.Insert(b.Forwards, 0, &Forward{From: name(t, "deep.svc.cluster.local."), Upstream: special, Servers: new(cache.Servers)})
		})
		const deep, other = "a.deep.svc.cluster.local.", "a.team-1.svc.cluster.local."
		special.say(deep+" A", deep+" 60 A 10.0.0.1")
		r.up.say(other+" A", other+" 60 A 10.0.0.2")
		for _, wait := range []time.Duration{0, 0, 0, 55 * second} { // the last one is what the prefetch is for
			time.Sleep(wait)
			r.want(deep, "NOERROR; "+deep+map[time.Duration]string{0: " 60", 55 * second: " 5"}[wait]+" A 10.0.0.1")
		}
		synctest.Wait()
		if got := special.take(); len(got) != 2 {
			t.Errorf("asked %q", got)
		}
		r.asked()
		r.ask(other)
		time.Sleep(2 * time.Minute)
		special.say(deep+" A", deep+" 60 A 10.0.0.3")
		r.up.set(func(f *fake) { f.err = errGone })
		r.up.out.Store(true)
		r.want(deep, "NOERROR; "+deep+" 60 A 10.0.0.3")
		r.want(other, "NOERROR; "+other+" 30 A 10.0.0.2")
		r.want("new."+other, "SERVFAIL")
		r.want("new."+deep, denied)
	})
}
