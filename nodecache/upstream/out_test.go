package upstream

import (
	"context"
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

// One query that nobody waits for is enough to find that every server is out, in whatever
// way, and none is needed to find that one is back.
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
			var c Config
			var back func()
			for range 3 {
				var f *fake
				f, back = test.server(t)
				c.Servers = append(c.Servers, f.endpoint(test.proto))
			}
			p := pool(t, c)
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
			defer cancel()
			if _, err := p.Exchange(ctx, nil, queryFor(t, "a.example"), Cluster); err == nil {
				t.Error("answered by a dead server")
			}
			eventually(t, "out", p.Out)
			out, epoch := time.Now(), p.Epoch()
			back()
			eventually(t, "back", func() bool { return !p.Out() })
			if out.Sub(began) > 3*time.Second || time.Since(out) > 3*time.Second || p.Epoch() == epoch {
				t.Errorf("out after %v, back after %v", out.Sub(began), time.Since(out))
			}
			t.Logf("out after %v, back after %v", out.Sub(began), time.Since(out))
		})
	}
}

// Connections that were in use when the servers froze are no different.
func TestOutInUse(t *testing.T) {
	var dead atomic.Bool
	p := pool(t, Config{}, mortal(t, &dead), mortal(t, &dead), mortal(t, &dead))
	load(t, p, 1000, 10, "n", Other)
	dead.Store(true)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	_, _ = p.Exchange(ctx, nil, queryFor(t, "a.example"), Other)
	eventually(t, "out", p.Out)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("out after %v", took)
	}
	dead.Store(false)
	eventually(t, "back", func() bool { return !p.Out() })
}

// A silent server gets one probe, and the query as often as it may be asked, no more.
func TestProbesAreFew(t *testing.T) {
	f := serve(t, &fake{handle: silent})
	p := pool(t, Config{}, f)
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	_, _ = p.Exchange(ctx, nil, queryFor(t, "a.example"), Other)
	if n := f.queries.Load(); n < 2 || n > minAsks+1 {
		t.Errorf("%d queries", n)
	}
}
