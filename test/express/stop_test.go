package express

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// lameduck is how long the server goes on after SIGTERM.
const lameduck = 3 * time.Second

// TestStop stops the server while clients ask. It goes on answering through the lameduck time, with
// records that change in it, and no query is lost before the clients are refused, be it answered by the
// lane or under way to another server.
func TestStop(t *testing.T) {
	fake := testkit.Serve(t, testkit.Late(300*time.Millisecond, testkit.Address(outsideIs, 60)))
	for range 2 {
		s := newServer(t, records(), fake)
		health := "health " + testkit.FreeAddr(t).String() + " {\n  lameduck " + lameduck.String() + "\n }"
		dir := t.TempDir()
		file := run.Write(t, dir, "records.yaml", records(service("ns", "changes", "10.96.9.1")))
		s.Process = run.CoreDNS(t, s.fill.Replace(strings.Replace(one(health), "RECORDS", file, 1)))
		s.serves("changes.ns.svc.cluster.local.", "10.96.9.1")
		load := startReloadLoad(s)
		s.is(step{what: "before", lane: true}, load[0])

		s.Signal(syscall.SIGTERM)
		began := time.Now()
		s.Logs("lameduck")
		run.Write(t, dir, "records.yaml", records(service("ns", "changes", "10.96.9.2")))
		s.serves("changes.ns.svc.cluster.local.", "10.96.9.2")
		time.Sleep(time.Until(began.Add(lameduck * 9 / 10))) // until then no client may be refused
		load.mayLeave()
		load.left()
		if code := s.Wait(testkit.Patience); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if since := time.Since(began); since < lameduck {
			t.Errorf("it ended after %v, expected %v", since, lameduck)
		}
	}
}
