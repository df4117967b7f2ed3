package hard

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// want is the outcome of a query that a broken server has to answer.
type want uint8

const (
	rightly want = iota // the right answer nevertheless
	failing             // SERVFAIL
	either              // the right answer or SERVFAIL
	unwhole             // a truncated answer or SERVFAIL
)

const (
	longest   = 4 * time.Second // that the node cache takes for an answer
	atOnce    = 2 * time.Second // without waiting for a server, which takes longer, on a busy machine
	slack     = time.Second     // for a busy machine
	questions = 8
)

// trial is a broken server and the zone that the node cache asks it for.
type trial struct {
	name  string
	proto string
	play  testkit.Play
	want  want
	zone  string
	*testkit.Server
	problems []string
}

// trials returns all of them.
func trials() (list []*trial) {
	for _, c := range []struct {
		name   string
		play   testkit.Play
		protos string
		want   want
	}{
		{"wrong-ids", wrongIDs, "udp tcp", failing},
		{"strangers-first", strangersFirst(3), "udp tcp", rightly},
		{"forgers", forgers, "udp", rightly},
		{"another-name", asked("other.test", wire.A, wire.IN), "udp tcp", failing},
		{"another-type", asked("", wire.AAAA, wire.IN), "udp tcp", failing},
		{"another-class", asked("", wire.A, wire.CH), "udp tcp", failing},
		{"no-question", noQuestion, "udp tcp", failing},
		{"no-response", noResponse, "udp tcp", failing},
		{"shouted", shouted, "udp tcp", rightly},
		{"late", testkit.Late(3*time.Second, answers), "udp tcp", either},
		{"too-late", testkit.Late(longest+slack, forging), "udp tcp", failing},
		{"twice", twice, "udp tcp", rightly},
		{"garbage", garbage, "udp tcp", failing},
		{"noise", noise, "tcp", failing},
		{"truncated", truncated, "udp tcp", unwhole},
		{"over-tcp-only", overTCPOnly, "udp", rightly},
		{"from-elsewhere", fromElsewhere, "udp", failing},
		{"closes", closes, "tcp", failing},
		{"resets", resets, "tcp", failing},
		{"half-answers", halfAnswers, "tcp", failing},
		{"silent", testkit.Silent, "udp tcp", failing},
		{"deaf", deaf, "tcp", failing},
		{"drips", drips, "tcp", failing},
		{"reverses", reverses(), "tcp", rightly},
		{"long", long, "tcp", rightly},
		{"many", many, "tcp", rightly},
		{"ones", ones, "tcp", failing},
		{"counts", counts, "udp tcp", failing},
		{"loops", loops, "udp tcp", failing},
		{"expands", expands, "tcp", either},
		{"chains", chains, "tcp", either},
		{"poisons", poisons, "udp tcp", rightly},
	} {
		for _, proto := range strings.Fields(c.protos) {
			list = append(list, &trial{name: c.name, proto: proto, play: c.play, want: c.want, zone: c.name + "." + proto + ".test."})
		}
	}
	return list
}

// TestBroken has servers do everything that servers must not do, each for a zone of its own, all at
// the same time. Every query gets an answer in time, and nothing wrong is answered or kept (RFC 5452,
// section 4). Once a server behaves, all is well at once, even for names that failed before: RFC
// 9520, section 3.2, has the failure of a name kept, but not the death of a server.
func TestBroken(t *testing.T) {
	list := trials()
	var corefile strings.Builder
	for _, c := range list {
		c.Server = newServer(t)
		corefile.WriteString(block(c.zone, c.proto, c.Server))
	}
	n := start(t, corefile.String())
	before := n.use()
	for _, phase := range []func(n *node, c *trial){warm, suffer, recovered, again} {
		var group sync.WaitGroup
		for _, c := range list {
			group.Go(func() { phase(n, c) })
		}
		group.Wait()
	}
	for _, c := range list {
		t.Run(c.name+" "+c.proto, func(t *testing.T) {
			for _, p := range c.problems {
				t.Error(p)
			}
		})
	}
	n.well(before, before.resident+80)
}

// warm has the node cache keep an answer, and then breaks the server.
func warm(n *node, c *trial) {
	c.rightly("before", overUDP.ask(n.addr, "warm."+c.zone), patience)
	c.Do(c.play)
}

// suffer asks while the server is broken.
func suffer(n *node, c *trial) {
	var group sync.WaitGroup
	got, repeated := make([]answer, questions), make([]answer, questions)
	for i := range got {
		who := []client{overUDP, overTCP}[i%2]
		group.Go(func() {
			got[i] = who.ask(n.addr, c.question(i))
			if repeated[i] = got[i]; got[i].failed() {
				repeated[i] = who.ask(n.addr, c.question(i))
			}
		})
	}
	c.rightly("cached", overUDP.ask(n.addr, "warm."+c.zone), atOnce)
	group.Wait()
	for i, a := range got {
		c.judge(fmt.Sprintf("question %d", i), a)
		if again := repeated[i]; a.failed() && (!again.failed() || again.took > atOnce) { // RFC 9520, section 3.1 and 3.2
			c.problem("question %d failed, and was asked again: %v", i, again)
		}
		if asks := c.Asked(c.question(i)); asks > 6 {
			c.problem("question %d: the server was asked %d times", i, asks)
		}
	}
	c.Do(answers)
}

// recovered asks for a new name, and then for the names that may have failed.
func recovered(n *node, c *trial) {
	c.rightly("a new name once the server behaves", overUDP.ask(n.addr, "fresh."+c.zone), atOnce)
	c.rightly("what may be poisoned", overUDP.ask(n.addr, "victim."+c.zone), atOnce)
	for i := range questions {
		c.rightly(fmt.Sprintf("question %d once the server behaves", i), overUDP.ask(n.addr, c.question(i)), atOnce)
	}
}

// again asks after everything that the server sent late has arrived.
func again(n *node, c *trial) {
	time.Sleep(2 * slack) // nothing shows that a late message has come: it must change nothing
	for i := range questions {
		c.rightly(fmt.Sprintf("question %d later", i), overTCP.ask(n.addr, c.question(i)), atOnce)
	}
}

func (c *trial) question(i int) string { return fmt.Sprintf("Q%d.%s", i, c.zone) }

// judge checks an answer that came while the server was broken.
func (c *trial) judge(what string, a answer) {
	ok := map[want]bool{
		rightly: a.right(), failing: a.failed(), either: a.right() || a.failed(),
		unwhole: a.err == nil && a.Truncated || a.failed(),
	}[c.want]
	if !ok || a.forged() || a.took > longest+slack {
		c.problem("%s: %v", what, a)
	}
}

// rightly notes an answer that is wrong or came too late.
func (c *trial) rightly(what string, a answer, within time.Duration) {
	if !a.right() || a.took > within {
		c.problem("%s: %v", what, a)
	}
}

func (c *trial) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}
