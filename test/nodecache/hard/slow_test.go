package hard

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/hostile"
)

// The clients that ask slow names, and the one that asks others beside them.
const (
	slowClients = 8
	slowPause   = 5 * time.Millisecond // 200 a second each
	slowTime    = 15 * time.Second
	freshPause  = 20 * time.Millisecond
	freshLost   = 100 // at most one of so many
)

// TestSlowNames has a few clients ask at full speed for names that the only server never answers,
// or answers after 3 s. It is asked over UDP and over TCP. Another client's names, all of them new,
// are answered nevertheless.
func TestSlowNames(t *testing.T) {
	for name, slow := range map[string]testkit.Play{"never": testkit.Silent, "late": testkit.Late(3*time.Second, answers)} {
		for _, proto := range []string{"udp", "tcp"} {
			t.Run(name+" "+proto, func(t *testing.T) {
				f := newServer(t)
				f.Do(func(s *testkit.Session, q wire.Message) {
					if strings.HasPrefix(testkit.NameOf(q), "slow-") {
						slow(s, q)
					} else {
						answers(s, q)
					}
				})
				n := start(t, block(".", proto, f))
				before, cpu := n.use(), n.cpu()
				stop, asked := askSlowNames(t, n.addr)
				testkit.Eventually(t, "the first are under way", func() bool { return f.AskedBelow(".example.org.") > slowClients })
				fresh, lost := n.askFresh()
				stop()
				t.Logf("%d slow names; %d others, of which %d failed; %v of CPU, %v", asked.Load(), fresh, len(lost), n.cpu()-cpu, n.use())
				if len(lost)*freshLost >= fresh {
					t.Errorf("%d of %d fresh names failed, such as:\n%s", len(lost), fresh, strings.Join(lost[:min(5, len(lost))], "\n"))
				}
				n.well(before, before.resident+64)
			})
		}
	}
}

// askSlowNames asks until stop is called. It waits for no answer.
func askSlowNames(t *testing.T, to netip.AddrPort) (stop func(), asked *atomic.Int64) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	asked = new(atomic.Int64)
	for i := range slowClients {
		c, err := client{"udp", netip.AddrFrom4([4]byte{127, 0, 13, byte(1 + i)})}.dial(to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		tick := time.NewTicker(slowPause)
		group.Go(func() {
			defer tick.Stop()
			for k := 0; ctx.Err() == nil; k++ {
				<-tick.C
				if _, err := c.Write(hostile.Query(fmt.Sprintf("slow-%d-%d.example.org.", i, k), wire.A)); err == nil {
					asked.Add(1)
				}
			}
		})
	}
	return func() { cancel(); group.Wait() }, asked
}

// askFresh asks for new names, one after the other. It returns how many, and what was lost.
func (n *node) askFresh() (asked int, lost []string) {
	who := client{"udp", netip.AddrFrom4([4]byte{127, 0, 14, 1})}
	for end := time.Now().Add(slowTime); time.Now().Before(end); asked++ {
		name := fmt.Sprintf("fresh-%d.example.org.", asked)
		if a := who.ask(n.addr, name); !a.right() {
			lost = append(lost, fmt.Sprintf("%s: %v", name, a))
		}
		time.Sleep(freshPause) // this pace is the load
	}
	return asked, lost
}

// cpu returns the CPU time that n has used (proc_pid_stat(5)).
func (n *node) cpu() time.Duration {
	n.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID()))
	if err != nil {
		n.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ") // the program's name may hold spaces
	fields := strings.Fields(after)
	const utime, stime, perSecond = 14 - 3, 15 - 3, 100
	var ticks, both time.Duration
	for _, f := range []string{fields[utime], fields[stime]} {
		if _, err := fmt.Sscan(f, &ticks); err != nil {
			n.t.Fatal(err)
		}
		both += ticks
	}
	return both * time.Second / perSecond
}
