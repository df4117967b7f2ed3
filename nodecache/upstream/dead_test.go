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

// blackHole returns an address where connections are neither accepted nor refused.
func blackHole(t *testing.T) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: netip.MustParseAddrPort(l.Addr().String())}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }) // room for one that is not accepted
	if err != nil {
		t.Fatal(err)
	}
	var fill []net.Conn
	for {
		c, err := net.DialTimeout("tcp", f.addr.String(), 50*time.Millisecond)
		if err != nil {
			break
		}
		fill = append(fill, c)
	}
	t.Cleanup(func() {
		l.Close()
		for _, c := range fill {
			c.Close()
		}
	})
	return f
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
	dead := map[string]func(t *testing.T) *fake{
		"refused":    refused,
		"black hole": blackHole,
		"silent":     func(t *testing.T) *fake { return serve(t, &fake{handle: silent}) },
		"resets": func(t *testing.T) *fake {
			f := &fake{}
			f.handle = func([]byte, func([]byte)) { f.reset() }
			return serve(t, f)
		},
	}
	for what, server := range dead {
		for _, lane := range []Lane{Cluster, Other} {
			t.Run(fmt.Sprint(what, lane), func(t *testing.T) {
				within(t, 300*time.Millisecond, func() time.Duration {
					p := pool(t, Config{}, server(t), server(t), serve(t, &fake{}))
					took := load(t, p, 1500, 200, "n", lane)
					if p.Out() {
						t.Error("one server is well")
					}
					return p99(took)
				})
			})
		}
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
	within(t, 100*time.Millisecond, func() time.Duration { return p99(load(t, p, 10000, 100, "n", Other)) })
	close(done)
	group.Wait()
}

// Two of three servers fall silent while in use: the queries on their way move over, and
// later ones go to the third at once.
func TestTwoOfThreeDieUnderLoad(t *testing.T) {
	var dead atomic.Bool
	mortal := func(q []byte, reply func([]byte)) {
		if !dead.Load() {
			echo(q, reply)
		}
	}
	p := pool(t, Config{}, serve(t, &fake{handle: mortal}), serve(t, &fake{handle: mortal}), serve(t, &fake{}))
	for second := range 5 {
		dead.Store(second > 0)
		within(t, 300*time.Millisecond, func() time.Duration {
			return p99(load(t, p, 2000, 4, "n", Lane(second%2)))
		})
		time.Sleep(700 * time.Millisecond)
	}
	if p.Out() {
		t.Error("one server is well")
	}
}
