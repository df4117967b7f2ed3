package resolve

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// TestUpstreamsApart shows that trouble with one forward of a block leaves the names of another
// alone. Prefetches ask the forward of the name. While one forward is out, names of the other one
// neither fail nor get stale answers.
func TestUpstreamsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		special := newFake()
		r := newRig(t, func(b *Block) {
			b.Policy.Prefetch = cache.Popularity{Amount: 3, Gap: time.Minute, Percent: 10}
			b.Forwards = slices.Insert(b.Forwards, 0, &Forward{From: testkit.Name(t, "deep.svc.cluster.local."), Upstream: special, Servers: new(cache.Servers)})
		})
		const deep, other = "a.deep.svc.cluster.local.", "a.team-1.svc.cluster.local."
		special.say(deep+" A", deep+" 60 A 10.0.0.1")
		r.up.say(other+" A", other+" 60 A 10.0.0.2")
		for _, wait := range []time.Duration{0, 0, 0, 55 * second} { // the last one is what the prefetch is for
			pass(wait)
			r.want(deep, "NOERROR; "+deep+map[time.Duration]string{0: " 60", 55 * second: " 5"}[wait]+" A 10.0.0.1")
		}
		synctest.Wait()
		if got := special.take(); len(got) != 2 {
			t.Errorf("asked %q", got)
		}
		r.asked()
		r.ask(other)
		pass(2 * time.Minute)
		special.say(deep+" A", deep+" 60 A 10.0.0.3")
		r.up.set(func(f *fake) { f.err = errGone })
		r.up.out.Store(true)
		r.want(deep, "NOERROR; "+deep+" 60 A 10.0.0.3")
		r.want(other, "NOERROR; "+other+" 30 A 10.0.0.2")
		r.want("new."+other, "SERVFAIL")
		r.want("new."+deep, denied)
	})
}

// TestKept shows what a block keeps: the names of the cache's zones, except for `disable success`
// and `disable denial`. With `servfail 0` it keeps no SERVFAIL.
func TestKept(t *testing.T) {
	for what, tt := range map[string]struct {
		edit                     func(*Block)
		success, denial, failure bool
	}{
		"all":             {func(*Block) {}, true, true, true},
		"other zones":     {func(b *Block) { b.Kept = []wire.Name{testkit.Name(t, "org.")} }, false, false, true},
		"disable success": {func(b *Block) { b.NoSuccess = []wire.Name{testkit.Name(t, "example.")} }, false, true, true},
		"disable denial":  {func(b *Block) { b.NoDenial = []wire.Name{testkit.Name(t, "example.")} }, true, false, true},
		"of other zones": {func(b *Block) {
			b.NoSuccess, b.NoDenial = []wire.Name{testkit.Name(t, "org.")}, []wire.Name{testkit.Name(t, "a.example.")}
		}, true, true, true},
		"servfail 0": {func(b *Block) { b.Policy.ServFail.First, b.Policy.ServFail.Max = 0, 0 }, true, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, tt.edit)
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			r.up.say("bad.example. A", "SERVFAIL")
			for words, kept := range map[string]bool{"a.example.": tt.success, "nx.example.": tt.denial, "bad.example.": tt.failure} {
				first, second := r.ask(words), r.ask(words)
				if asked := len(r.take()); (asked == 1) != kept || first != second {
					t.Errorf("%s: %s, then %s, asked %d times; kept should be %v", what, first, second, asked, kept)
				}
			}
		})
	}
}

// TestFlushUnderWay flushes a name while upstream is asked. Those who wait get the answer that was
// under way, but it is not kept. Those who ask after the flush do not wait for it.
func TestFlushUnderWay(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.set(func(f *fake) { f.took = 200 * time.Millisecond })
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			before := r.send("a.example.")
			pass(100 * time.Millisecond)
			r.Flush(testkit.Name(t, "example."))
			var after *sent
			if meanwhile {
				after = r.send("a.example.")
			}
			before.wait()
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.2")
			if !meanwhile {
				after = r.send("a.example.")
			}
			for _, got := range []string{after.text(), r.ask("a.example.")} {
				if !strings.Contains(got, "10.0.0.2") {
					t.Errorf("asked meanwhile %v: %s", meanwhile, got)
				}
			}
			r.asked("a.example. A", "a.example. A")
		})
	}
}
