package hard

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/hostile"
)

// besieged gives thousands of addresses to names that begin with many, and answers others rightly.
func besieged(s *testkit.Session, q wire.Message) {
	if strings.HasPrefix(testkit.NameOf(q), "many") {
		many(s, q)
		return
	}
	answers(s, q)
}

// The flood of garbage.
const (
	packets  = 1_000_000
	senders  = 4
	perRound = 250 // packets, after which a sender waits for the answer to a query
)

// TestGarbage sends a million packets. Hardly any of them is a query.
func TestGarbage(t *testing.T) {
	s := newSiege(t)
	began := time.Now()
	var answered, rounds atomic.Int64
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			c, err := client{"udp", netip.AddrFrom4([4]byte{127, 0, 6, byte(1 + i)})}.dial(s.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range packets / senders / perRound {
				for range perRound {
					_, _ = c.Write(hostile.Junk(r, "garbage.example.org.")) // a full queue may drop it
				}
				rounds.Add(1)
				if hostile.AnswersHit(c, "hit.others.test.") {
					answered.Add(1)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d packets in %v; %d of %d queries of their senders were answered", packets, time.Since(began), answered.Load(), rounds.Load())
	if answered.Load() < rounds.Load()/2 {
		t.Errorf("%d of %d queries were answered between the packets, so that those may not have been read", answered.Load(), rounds.Load())
	}
	s.end(s.before.resident + 64)
}
