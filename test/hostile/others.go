package hostile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What clients that do no harm must get.
const (
	othersPause = 10 * time.Millisecond
	othersP99   = 500 * time.Millisecond
	othersLost  = 100 // at most one of so many gets no answer within a second: a stub resolver asks again
)

// Others are clients that do no harm.
type Others struct {
	t      *testing.T
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration
	lost []string
}

// Asks asks the i-th question of a client, and reports whether the answer is right. It says what was
// asked, and what came.
type Asks func(i int) (ok bool, text string)

// StartOthers has clients ask one question after the other, with pauses, until Stop is called.
func StartOthers(t *testing.T, clients ...Asks) *Others {
	ctx, cancel := context.WithCancel(context.Background())
	o := &Others{t: t, cancel: cancel}
	for _, ask := range clients {
		o.group.Go(func() { o.client(ctx, ask) })
	}
	t.Cleanup(func() { cancel(); o.group.Wait() })
	return o
}

func (o *Others) client(ctx context.Context, ask Asks) {
	for i := 0; ctx.Err() == nil; i++ {
		began := time.Now()
		ok, text := ask(i)
		o.note(ok, text, time.Since(began))
		time.Sleep(othersPause) // this pace is the load
	}
}

func (o *Others) note(ok bool, text string, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took = append(o.took, took)
	if !ok || took > time.Second {
		o.lost = append(o.lost, fmt.Sprintf("%s, within %v", text, took))
	}
}

// Stop ends the clients, and fails the test if they were not served well.
func (o *Others) Stop() {
	o.t.Helper()
	o.StopWithin(othersP99, othersLost)
}

// StopWithin is Stop with other limits: how long 99 % of the queries may take, and that one of oneOf
// may be lost.
func (o *Others) StopWithin(most time.Duration, oneOf int) {
	o.t.Helper()
	o.cancel()
	o.group.Wait()
	took := slices.Sorted(slices.Values(o.took))
	if len(took) < 100 {
		o.t.Fatalf("others asked %d times only", len(took))
	}
	p99 := took[len(took)*99/100]
	o.t.Logf("others asked %d times: half within %v, 99 %% within %v, all within %v", len(took), took[len(took)/2], p99, took[len(took)-1])
	if p99 > most || len(o.lost)*oneOf > len(took) {
		o.t.Errorf("99 %% of the others' queries took up to %v, expected %v; %d had no answer within a second, such as:\n%s",
			p99, most, len(o.lost), strings.Join(o.lost[:min(5, len(o.lost))], "\n"))
	}
}
