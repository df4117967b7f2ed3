package upstream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mortal returns a server that answers while it is not dead.
func mortal(t *testing.T, dead *atomic.Bool) *fake {
	t.Helper()
	return serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if !dead.Load() {
			echo(q, reply)
		}
	}})
}

// One query is enough to find that every server is out, in whatever way, and none is needed
// to find that one is back.
func TestOutByItself(t *testing.T) {
	silentUntilBack := func(t *testing.T) (*fake, func()) {
		var dead atomic.Bool
		dead.Store(true)
		return mortal(t, &dead), func() { dead.Store(false) }
	}
	refusing := func(t *testing.T) (*fake, func()) {
		f := refused(t)
		return f, func() { serve(t, &fake{addr: f.addr}) }
	}
	for _, test := range []struct {
		what   string
		proto  Proto
		server func(t *testing.T) (f *fake, back func())
	}{
		{"black hole", TCP, blackHole}, {"silent", TCP, silentUntilBack}, {"refused", TCP, refusing},
		{"silent datagrams", UDP, silentUntilBack}, {"refused datagrams", UDP, refusing},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			within(t, 3*time.Second, func() time.Duration {
				var c Config
				var back func()
				for range 3 {
					var f *fake
					f, back = test.server(t)
					c.Servers = append(c.Servers, f.endpoint(test.proto))
				}
				return outAndBack(t, pool(t, c), back)
			})
		})
	}
}

// Connections that were in use when the servers froze are no different.
func TestOutInUse(t *testing.T) {
	within(t, 3*time.Second, func() time.Duration {
		var dead atomic.Bool
		p := pool(t, Config{}, mortal(t, &dead), mortal(t, &dead), mortal(t, &dead))
		load(t, p, 1000, 10, "n", Other)
		dead.Store(true)
		return outAndBack(t, p, func() { dead.Store(false) })
	})
}

// outAndBack asks a Forward of dead servers once, and returns how long it took until they were
// known to be out, or until one was known to be back, whichever took longer.
func outAndBack(t *testing.T, p *Forward, back func()) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	began := time.Now()
	group.Go(func() { _, _ = p.Exchange(ctx, nil, queryFor(t, "a.example"), nil, Other) })
	eventually(t, "out", p.Out)
	cancel()
	group.Wait()
	out := time.Now()
	back()
	eventually(t, "back", func() bool { return !p.Out() })
	t.Logf("out after %v, back after %v", out.Sub(began), time.Since(out))
	return max(out.Sub(began), time.Since(out))
}

// A silent server gets one probe, and the query as often as it may be asked, no more.
func TestProbesAreFew(t *testing.T) {
	f := serve(t, &fake{handle: silent})
	p := pool(t, Config{}, f)
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	_, _ = p.Exchange(ctx, nil, queryFor(t, "a.example"), nil, Other)
	if n := f.queries.Load(); n < 2 || n > minAsks+1 {
		t.Errorf("%d queries", n)
	}
}
