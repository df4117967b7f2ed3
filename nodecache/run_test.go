package nodecache

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// TestRun changes everything that a Corefile has, back and forth, under load, and ends with queries
// under way. TestMain finds goroutines that are left behind.
func TestRun(t *testing.T) {
	upstream, slow := fake(t, 0), fake(t, 300*time.Millisecond)
	port, page := testkit.FreePort(t), testkit.FreePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	text := func(bind, lines string) string {
		return fmt.Sprintf(".:%d {\n bind %s\n errors\n cache 30\n loop\n reload 2s 0s\n %s\n}\n", port, bind, lines)
	}
	first := text("127.0.0.1", fmt.Sprintf("forward . %s\n health 127.0.0.1:%d\n hosts {\n  192.0.2.9 here.example\n  fallthrough\n }", upstream, page))
	r := start(t, first)
	stop := load(t, addr)
	for i, changed := range []string{
		text("127.0.0.1 127.0.0.2", fmt.Sprintf("forward . %s\n log\n debug\n prometheus 127.0.0.1:%d", upstream, page)),
		text("127.0.0.1", fmt.Sprintf("forward . %s %s {\n  policy sequential\n }\n pprof 127.0.0.1:%d", upstream, slow, page)),
		first,
	} {
		r.write(changed)
		testkit.Eventually(t, "it is taken in", func() bool { return r.count("a changed Corefile was taken in") == i+1 })
	}
	r.write(text("127.0.0.1", "nosuch"))
	r.logs("can't be taken in")
	if got := ask(addr, "here.example."); got != "NOERROR 192.0.2.9" {
		t.Error(got)
	}
	stop()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if got := r.count("level=ERROR"); got != 1 {
		t.Errorf("%d errors logged, expected that of the broken Corefile", got)
	}
}

// load asks until the function it returns is called. Each query must be answered.
func load(t *testing.T, addr string) (stop func()) {
	var group sync.WaitGroup
	var ended atomic.Bool
	for client := range 3 {
		group.Go(func() {
			for i := 0; !ended.Load(); i++ {
				if got := ask(addr, fmt.Sprintf("name-%d-%d.example.", client, i%100)); got != "NOERROR 192.0.2.1" {
					t.Errorf("query %d: %s", i, got)
				}
				time.Sleep(time.Millisecond) // some 1,000 queries a second at most
			}
		})
	}
	return func() { ended.Store(true); group.Wait() }
}

// TestStopAfterReload ends right after the addresses have changed, while the old sockets still have
// queries to answer.
func TestStopAfterReload(t *testing.T) {
	slow := fake(t, 1500*time.Millisecond)
	port := testkit.FreePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	text := func(bind string) string {
		return fmt.Sprintf(".:%d {\n bind %s\n reload 2s 0s\n forward . %s\n}\n", port, bind, slow)
	}
	r := start(t, text("127.0.0.1"))
	r.write(text("127.0.0.1 127.0.0.2"))
	var group sync.WaitGroup
	var lost atomic.Int32
	for i := 0; r.count("a changed Corefile was taken in") == 0; i++ { // so that some come right before
		group.Go(func() {
			if ask(addr, fmt.Sprintf("slow-%d.example.", i)) != "NOERROR 192.0.2.1" {
				lost.Add(1)
			}
		})
		time.Sleep(20 * time.Millisecond) // some 50 queries a second
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	group.Wait()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d queries were lost", n)
	}
}
