package upstream

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// blackHole returns an address where connections are neither accepted nor refused, until it
// is opened.
func blackHole(t *testing.T) (f *fake, open func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f = &fake{addr: netip.MustParseAddrPort(l.Addr().String()), tcp: l, handle: echo, conns: map[net.Conn]struct{}{}}
	room(t, l, 0) // for one connection that is not accepted
	var fill []net.Conn
	for {
		c, err := net.DialTimeout("tcp", f.addr.String(), 50*time.Millisecond)
		if err != nil {
			break
		}
		fill = append(fill, c)
	}
	empty := sync.OnceFunc(func() {
		for _, c := range fill {
			c.Close()
		}
	})
	t.Cleanup(f.stop)
	t.Cleanup(empty)
	return f, func() {
		empty()
		room(t, l, 100)
		f.group.Go(f.accept)
	}
}

// room sets how many connections may wait to be accepted.
func room(t *testing.T, l net.Listener, n int) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), n) })
	if err != nil {
		t.Fatal(err)
	}
}

// refused returns an address where nothing listens.
func refused(t *testing.T) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return &fake{addr: netip.MustParseAddrPort(l.Addr().String())}
}

// Two of three servers may be gone in any way: nothing fails, and p99 stays below 300 ms.
func TestTwoOfThreeDead(t *testing.T) {
	hole := func(t *testing.T) *fake { f, _ := blackHole(t); return f }
	mute := func(t *testing.T) *fake { return serve(t, &fake{handle: silent}) }
	resets := func(t *testing.T) *fake {
		f := &fake{}
		f.handle = func([]byte, func([]byte)) { f.reset() }
		return serve(t, f)
	}
	for _, test := range []struct {
		what   string
		proto  Proto
		server func(t *testing.T) *fake
	}{
		{"refused", TCP, refused}, {"black hole", TCP, hole}, {"silent", TCP, mute}, {"resets", TCP, resets},
		{"refused", UDP, refused}, {"silent", UDP, mute},
	} {
		for _, scope := range []Scope{Cluster, Other} {
			t.Run(fmt.Sprint(test.what, test.proto, scope), func(t *testing.T) {
				within(t, 300*time.Millisecond, func() time.Duration {
					var c Config
					for _, f := range []*fake{test.server(t), test.server(t), serve(t, &fake{})} {
						c.Servers = append(c.Servers, f.endpoint(test.proto))
					}
					p := pool(t, c)
					took := load(t, p, 1500, 60, "n", scope)
					if p.Out() {
						t.Error("one server is well")
					}
					return p99(took)
				})
			})
		}
	}
}

// So it is with a query now and then, when little is known of the servers.
func TestTwoOfThreeDeadAtRest(t *testing.T) {
	within(t, 300*time.Millisecond, func() time.Duration {
		one, _ := blackHole(t)
		p := pool(t, Config{}, one, serve(t, &fake{handle: silent}), serve(t, &fake{}))
		var longest time.Duration
		for range 20 {
			longest = max(longest, load(t, p, 1, 1, "n", Cluster)[0])
			time.Sleep(50 * time.Millisecond)
		}
		return longest
	})
}

// Sequential asks the next server once the first one is known to be out, and not because it
// is slow.
func TestSequentialMovesOn(t *testing.T) {
	within(t, 1800*time.Millisecond, func() time.Duration {
		hole, _ := blackHole(t)
		p := pool(t, Config{Policy: Sequential}, hole, serve(t, &fake{}))
		return p99(load(t, p, 100, 100, "n", Cluster))
	})
	slow := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { time.Sleep(400 * time.Millisecond); echo(q, reply) }})
	second := serve(t, &fake{})
	p := pool(t, Config{Policy: Sequential}, slow, second)
	exchangeOK(t, p, "a.example", Cluster)
	if n := second.queries.Load(); n != 0 {
		t.Errorf("the second was asked %d times", n)
	}
}

// Servers that reset their connections while queries are on their way cost them a retry.
func TestResetsUnderLoad(t *testing.T) {
	servers := []*fake{serve(t, &fake{}), serve(t, &fake{}), serve(t, &fake{})}
	p := pool(t, Config{}, servers...)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				servers[i%3].reset()
			}
		}
	})
	within(t, 100*time.Millisecond, func() time.Duration { return p99(load(t, p, 5000, 50, "n", Other)) })
	close(done)
	group.Wait()
}

// Two of three servers fall silent while in use: the queries on their way move over, and
// later ones go to the third at once.
func TestTwoOfThreeDieUnderLoad(t *testing.T) {
	var dead atomic.Bool
	p := pool(t, Config{}, mortal(t, &dead), mortal(t, &dead), serve(t, &fake{}))
	for second := range 5 {
		dead.Store(second > 0)
		within(t, 300*time.Millisecond, func() time.Duration {
			return p99(load(t, p, 2000, 4, "n", Scope(second%2)))
		})
		time.Sleep(700 * time.Millisecond)
	}
	if p.Out() {
		t.Error("one server is well")
	}
}
