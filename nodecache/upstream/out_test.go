package upstream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// outLimit is how long it may take to find that all servers are out, and that one is back.
const outLimit = 3 * time.Second

// One query is enough to find that every server is out, in whatever way. To find that one is back
// takes no query.
func TestOutByItself(t *testing.T) {
	for what, server := range map[string]func(t *testing.T) (f *fake, back func()){
		"black hole": blackHole,
		"silent": func(t *testing.T) (*fake, func()) {
			dead := new(atomic.Bool)
			dead.Store(true)
			return mortal(t, dead), func() { dead.Store(false) }
		},
		"refused": func(t *testing.T) (*fake, func()) { f := refusing(t); return f, f.live },
	} {
		bubble(t, what, func(t *testing.T) {
			var servers []*fake
			var back func()
			for range 3 {
				var f *fake
				f, back = server(t)
				servers = append(servers, f)
			}
			outAndBack(t, forward(t, Config{}, servers...), outLimit, back)
		})
	}
}

// That is so over UDP too. Sockets know no virtual clock, so only a hang meets the limit here.
func TestOutByItselfOverUDP(t *testing.T) {
	for what, server := range map[string]func(t *testing.T) (f *fake, back func()){
		"silent": func(t *testing.T) (*fake, func()) {
			dead := new(atomic.Bool)
			dead.Store(true)
			return serve(t, &fake{handle: whileAlive(dead)}), func() { dead.Store(false) }
		},
		"refused": func(t *testing.T) (*fake, func()) {
			f := refused(t)
			return f, func() { serve(t, f) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var servers []*fake
			var back func()
			for range 3 {
				var f *fake
				f, back = server(t)
				servers = append(servers, f)
			}
			outAndBack(t, forwardUDP(t, Config{ReadTimeout: 2 * time.Second}, servers...), testkit.Patience, back)
		})
	}
}

// Connections that were in use when the servers froze make no difference.
func TestOutInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		fwd := forward(t, Config{}, mortal(t, &dead), mortal(t, &dead), mortal(t, &dead))
		load(t, fwd, 1000, 10, "n", Other)
		dead.Store(true)
		outAndBack(t, fwd, outLimit, func() { dead.Store(false) })
	})
}

// outAndBack asks a Forward of dead servers once, and checks how long it takes until they are known
// to be out, and until one is known to be back.
func outAndBack(t *testing.T, fwd *Forward, limit time.Duration, back func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { _, _ = fwd.Exchange(ctx, nil, queryFor(t, "a.example"), nil, Other) })
	out := testkit.Within(t, limit, "out", fwd.Out)
	cancel()
	group.Wait()
	back()
	again := testkit.Within(t, limit, "back", func() bool { return !fwd.Out() })
	t.Logf("out after %v, back after %v", out, again)
}

// A silent server gets one health check, and the query as often as that may be asked, but no more.
func TestSilentServersAreAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{handle: silent})
		fwd := forward(t, Config{}, f)
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		_, _ = fwd.Exchange(ctx, nil, queryFor(t, "a.example"), nil, Other)
		if n := f.Queries.Load(); n < 2 || n > minAsks+1 {
			t.Errorf("%d queries", n)
		}
	})
}
