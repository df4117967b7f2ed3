package forward

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/clock"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened is a Forward, and what it logs and counts.
type opened struct {
	*Forward
	log bytes.Buffer // read after synctest.Wait only

	mu    sync.Mutex
	loops map[string]string // server -> zone
}

// LoopFound implements Metrics.
func (o *opened) LoopFound(zone, server string, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found {
		o.loops[server] = zone
	} else if o.loops[server] == zone {
		delete(o.loops, server)
	}
}

// open opens the only forward of a Corefile. The caller closes it.
func open(t *testing.T, lines string) *opened {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Corefile")
	if err := os.WriteFile(path, []byte(".:53 {\n forward . "+lines+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := corefile.Load(path, corefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := &opened{loops: map[string]string{}}
	o.Forward, err = Open(t.Context(), conf.Blocks[0].Forwards[0], Shared{
		Shares: new(upstream.Shares), Clock: clock.New(), Metrics: o, Log: slog.New(slog.NewTextHandler(&o.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// asked returns the addresses of the servers that are asked, sorted.
func (o *opened) asked() string {
	var list []string
	for _, s := range o.Servers() {
		list = append(list, s.Addr.String())
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestFollow takes in what changes in a file with servers, and keeps the last good ones. A SERVFAIL
// of servers that stood there before is forgotten.
func TestFollow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookAgain) // virtual time
		synctest.Wait()
	}
	if err := os.WriteFile(file, []byte("nameserver 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := open(t, file)
		defer f.Close()
		kept := newFailure(f.Blamed())
		write("nameserver 192.0.2.1\n")
		if got := f.asked(); got != "192.0.2.1:53" || !kept() || f.log.Len() > 0 {
			t.Errorf("%s, a failure is kept: %t\n%s", got, kept(), &f.log)
		}
		write("nameserver 192.0.2.2\nnameserver 192.0.2.3\n")
		if got := f.asked(); got != "192.0.2.2:53 192.0.2.3:53" || kept() {
			t.Errorf("%s, a failure is kept: %t", got, kept())
		}
		write("")
		write("")
		if got := f.asked(); got != "192.0.2.2:53 192.0.2.3:53" || strings.Count(f.log.String(), "stay as they are") != 1 {
			t.Errorf("%s\n%s", got, &f.log)
		}
	})
}

// newFailure keeps a SERVFAIL that is blamed on servers. The function reports whether it still is.
func newFailure(servers *cache.Servers) (kept func() bool) {
	c := cache.New(cache.Options{Failure: cache.Limits{Entries: 10, Bytes: 10 << 10}})
	q := wire.Query{Name: wire.Name("\x01a\x00"), Type: wire.A, Class: wire.IN}
	p := cache.Policy{ServFail: cache.Backoff{First: time.Minute}}
	c.Store(nil, &q, wire.AppendReply(nil, &q, wire.ServFail, wire.RA, nil), servers, &p, 0)
	return func() bool {
		_, _, state := c.Append(nil, &q, &p, 0)
		return state == cache.Failed
	}
}

// catcher is a Catcher to which all queries come back, or none.
type catcher struct {
	mu      sync.Mutex
	looping bool
	zones   map[string]bool
}

func (c *catcher) ComesBack(zone wire.Name, _ func(*wire.Query) error) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zones[zone.String()] = true
	return c.looping, nil
}

func (c *catcher) set(looping bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looping = looping
}

// TestWatchLoops has all servers loop for a while. Queries then fail at once, but for those of
// another node cache that looks for loops.
func TestWatchLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, "192.0.2.1 192.0.2.2")
		defer f.Close()
		c := &catcher{looping: true, zones: map[string]bool{}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go f.WatchLoops(ctx, c, wire.Name("\x07example\x00"))
		after := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		after(loopFirst)
		if !f.Out() || len(f.loops) != 2 || f.loops["192.0.2.1:53"] != "example." || !c.zones["example."] {
			t.Errorf("out: %t, loops: %v of %v\n%s", f.Out(), f.loops, c.zones, &f.log)
		}
		query := func(typ wire.Type) *wire.Query {
			return &wire.Query{RD: true, Name: wire.Name("\x01a\x00"), Type: typ, Class: wire.IN}
		}
		if _, err := f.Exchange(ctx, nil, query(wire.A), nil, upstream.Other); !errors.Is(err, errLoop) {
			t.Error(err)
		}
		ended, end := context.WithCancel(ctx)
		end()
		if _, err := f.Exchange(ended, nil, query(wire.HINFO), nil, upstream.Other); !errors.Is(err, context.Canceled) {
			t.Errorf("another's query that looks for a loop: %v", err)
		}

		kept := newFailure(f.Blamed())
		c.set(false)
		after(loopBack)
		if f.Out() || len(f.loops) != 0 || !kept() || strings.Count(f.log.String(), "does not loop any more") != 2 {
			t.Errorf("out: %t, loops: %v, a SERVFAIL is kept: %t\n%s", f.Out(), f.loops, kept(), &f.log)
		}
	})
}

// TestForgetLoops takes a server back that is set aside, when it is no longer configured, and when
// nobody looks for loops any more.
func TestForgetLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, "192.0.2.1 192.0.2.2")
		defer f.Close()
		endpoints := slices.Clone(f.servers)
		for _, s := range endpoints {
			f.setLooping(s, true, wire.Name{0})
		}
		f.setServers(endpoints[1:])
		if got := slices.Collect(maps.Keys(f.loops)); !slices.Equal(got, []string{"192.0.2.2:53"}) || !f.Out() {
			t.Errorf("loops: %v, out: %t", got, f.Out())
		}
		f.setServers(endpoints)
		if got := f.asked(); got != "192.0.2.1:53" || f.Out() {
			t.Errorf("asked: %s, out: %t", got, f.Out())
		}
		f.ForgetLoops()
		if got := f.asked(); got != "192.0.2.1:53 192.0.2.2:53" || len(f.loops) > 0 {
			t.Errorf("asked: %s, loops: %v", got, f.loops)
		}
	})
}

// TestLookUpHost asks resolvers for a host's addresses.
func TestLookUpHost(t *testing.T) {
	resolver := testkit.Serve(t, testkit.Address("192.0.2.9", 60))
	got, err := lookUpHost(t.Context(), []netip.AddrPort{resolver.Addr}, "a.example.")
	if err != nil || !slices.Equal(got, []netip.Addr{netip.MustParseAddr("192.0.2.9")}) {
		t.Error(got, err)
	}
	resolver.Do(testkit.Rcode(wire.Refused))
	if _, err := lookUpHost(t.Context(), []netip.AddrPort{resolver.Addr}, "a.example."); err == nil {
		t.Error("no error though the resolver refuses")
	}
}
