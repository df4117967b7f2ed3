package hard

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// failingNames answers names that begin with "fail" with SERVFAIL, and others rightly.
func failingNames(s *testkit.Session, q wire.Message) {
	if !strings.HasPrefix(testkit.NameOf(q), "fail-") {
		answers(s, q)
		return
	}
	m := bare(q)
	m[3] = m[3]&0xf0 | byte(wire.ServFail)
	s.Send(m)
}

// TestLogUnread makes standard error a pipe that nobody reads, or whose reader is gone, as while
// journald restarts. Clients ask for names that fail, and each failure is a line. Neither a query
// nor the end of the process may wait for these lines.
func TestLogUnread(t *testing.T) {
	for _, test := range []struct {
		name, format string
		gone         bool
	}{{"nobody reads", "text", false}, {"the reader is gone", "json", true}} {
		t.Run(test.name, func(t *testing.T) {
			f := newServer(t)
			f.Do(failingNames)
			reader, stderr := narrowPipe(t)
			corefile := strings.Replace(block(".", "udp", f), "errors\n", "errors\n\tdebug\n\tlog\n", 1)
			n := startLoggingTo(t, stderr, corefile, "-log-format", test.format)
			before := n.use()
			if test.gone {
				_ = reader.Close()
			}
			askFailing(n.addr, 5, 5*time.Second)
			for i := range 20 {
				if a := overUDP.ask(n.addr, fmt.Sprintf("after-%d.example.org.", i)); !a.right() {
					t.Errorf("a miss: %v", a)
				}
			}
			if d := n.Scrape().Sum("nodecache_log_dropped_total"); d < 10 {
				t.Errorf("%v lines are counted as dropped", d)
			}
			n.well(before, 64)
			n.Stop()
		})
	}
}

// TestLogUnreadAtStart has the process end with an error that nobody reads.
func TestLogUnreadAtStart(t *testing.T) {
	_, stderr := narrowPipe(t)
	for range 4096 {
		if _, err := stderr.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(run.Program(), "-conf", "missing")
	cmd.Stderr = stderr
	run.Equal(t, "exit code", run.Start(t, cmd, t.TempDir()).Wait(testkit.Patience), 1)
}

// narrowPipe returns a pipe that is soon full: it holds one page.
func narrowPipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	if size, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil || size > 4096 {
		t.Fatalf("a pipe of %d bytes: %v", size, err)
	}
	return r, w
}

// startLoggingTo is start with a given standard error.
func startLoggingTo(t *testing.T, stderr *os.File, corefile string, args ...string) *node {
	t.Helper()
	addr, metrics, dir := testkit.FreeAddr(t), testkit.FreeAddr(t), t.TempDir()
	run.Write(t, dir, "Corefile", corefile)
	args = append([]string{"-conf", "Corefile", "-metrics-listen-address", metrics.String(), "-dns.port", fmt.Sprint(addr.Port())}, args...)
	cmd := exec.Command(run.Program(), args...)
	cmd.Stderr = stderr
	n := &node{&run.Node{Process: run.Start(t, cmd, dir), Metrics: metrics}, t, addr}
	_ = stderr.Close() // our copy, so that the reader sees the program end
	n.Answers(addr)
	return n
}

// askFailing has clients ask for names that fail, one after the other, for the time d.
func askFailing(addr netip.AddrPort, clients int, d time.Duration) {
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			who := client{"udp", netip.AddrFrom4([4]byte{127, 0, 11, byte(1 + c)})}
			for i, end := 0, time.Now().Add(d); time.Now().Before(end); i++ {
				_ = who.ask(addr, fmt.Sprintf("fail-%d-%d.example.org.", c, i)) // the test judges what comes after
				time.Sleep(5 * time.Millisecond)                                // this pace is the load
			}
		})
	}
	group.Wait()
}
