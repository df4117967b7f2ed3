package resolve

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
)

// counter is a Responder that counts.
type counter struct{ sent atomic.Int64 }

func (c *counter) Send([]byte) { c.sent.Add(1) }

// TestRace has many loops ask while upstream goes out and comes back, answers expire, the
// configuration changes and loops are looked for. Each query is answered once.
func TestRace(t *testing.T) {
	r := newRig(t, func(b *Block) {
		b.Policy.Positive.Max, b.Policy.Denial.Max = 1, 1
		b.Stale = Stale{On: true, Explicit: true, Wait: 2 * time.Millisecond}
	})
	r.up.took = 2 * time.Millisecond
	for i := range 10 {
		n := fmt.Sprintf("n%d.example.", i)
		r.up.say(n+" A", n+" 1 A 10.0.0.1", n+" 1 A 10.0.0.2")
	}
	var group sync.WaitGroup
	var left, now atomic.Int64
	later, end := new(counter), time.Now().Add(1500*time.Millisecond)
	for shard := range 4 {
		group.Go(func() {
			for time.Now().Before(end) {
				words := fmt.Sprintf("n%d.example. edns", rand.N(10))
				if rand.N(2) == 0 {
					words = team(fmt.Sprint(rand.N(30), ".", rand.N(3), ".com"))
				}
				remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rand.N(9))}), 1)
				c := listen.NewClient(remote, r.local, rand.N(2) == 0, func() listen.Responder { left.Add(1); return later })
				c.Reader = shard
				before := left.Load()
				if len(r.Handle(make([]byte, 0, 1232), build(t, words), c)) > 0 {
					now.Add(1)
				} else if left.Load() == before {
					t.Error("no answer")
				}
			}
		})
	}
	group.Go(func() {
		for time.Now().Before(end) {
			r.up.out.Store(rand.N(3) == 0)
			r.up.set(func(f *fake) {
				if f.err = nil; rand.N(3) == 0 {
					f.err = errGone
				}
			})
			block := *r.block
			r.Set(r.table(Route{Zone: wire.Name{0}, Block: &block, Count: r.zone}))
			r.ComesBack(wire.Name{0}, func(*wire.Query) error { return nil })
			r.block.Forwards[0].Servers.Recovered()
			time.Sleep(time.Millisecond)
		}
	})
	group.Wait()
	r.Close()
	if left.Load() == 0 || now.Load() == 0 || left.Load() != later.sent.Load() {
		t.Errorf("%d queries were left open and %d answered, %d at once", left.Load(), later.sent.Load(), now.Load())
	}
	l := &r.limits
	if l.all != (load{}) {
		t.Errorf("%+v", l.all)
	}
}
