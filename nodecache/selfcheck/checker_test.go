package selfcheck

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// check returns what a Checker finds that has time for all tries, empty for nothing.
func check(t *testing.T, c *Checker, addrs ...netip.AddrPort) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if err := c.Check(ctx, Loopback(0), addrs...); err != nil {
		return err.Error()
	}
	return ""
}

// TestChecker finds the one reader of a front that hangs: where the front is alone, and where it
// shares its ports with another process that hangs altogether.
func TestChecker(t *testing.T) {
	t.Parallel()
	const sockets = 2
	const udp, tcp = "no answer of its own from 1 of 2 UDP sockets at ", "no answer of its own over TCP at "
	var group sync.WaitGroup // it takes a while to find out that a reader hangs
	defer group.Wait()
	for _, shared := range []bool{false, true} {
		for reader, want := range []string{udp, udp, tcp} {
			addr := testkit.FreeAddr(t)
			f := serve(t, "own", sockets, addr)
			if shared {
				serve(t, "other", sockets, addr).wedged.Store(all)
			}
			group.Go(func() {
				if got := check(t, f.checker(), addr); got != "" {
					t.Errorf("nothing hangs: %s", got)
				}
				f.wedged.Store(int32(reader))
				if got := check(t, f.checker(), addr); !strings.HasPrefix(got, want) {
					t.Errorf("shared: %t, reader %d hangs: %q, expected %q", shared, reader, got, want)
				}
			})
		}
	}
}

// TestCheckerEverywhere asks the sockets of the unspecified addresses at an address that no other
// socket has: the kernel prefers the socket of the address itself.
func TestCheckerEverywhere(t *testing.T) {
	t.Parallel()
	port := testkit.FreePort(t)
	var addrs []netip.AddrPort
	for _, a := range []string{"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"} {
		addrs = append(addrs, netip.AddrPortFrom(netip.MustParseAddr(a), port))
	}
	f := serve(t, "own", 1, addrs...)
	if got := check(t, f.checker()); got != "" {
		t.Error(got)
	}
	for _, addr := range []netip.AddrPort{addrs[0], addrs[2]} {
		f.wedged.Store(int32(f.ReadersAt(addr)[0]))
		if got := check(t, f.checker()); got == "" {
			t.Errorf("a hanging reader of %v is not found", addr)
		}
	}
}

// TestCheckerReplaced replaces the front during a check that finds it silent.
func TestCheckerReplaced(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddr(t)
	old, next := serve(t, "own", 1, addr), serve(t, "own", 1, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), addr.Port()))
	old.wedged.Store(all)
	asked := 0
	c := New(old.name, func() Front {
		if asked++; asked > 1 {
			return next
		}
		return old
	})
	if got := check(t, c); got != "" {
		t.Error(got)
	}
}

// What hangs: no reader, or all of them. A number from 0 on is that reader alone.
const (
	none = -1
	all  = -2
)

// front is sockets that answer one name.
type front struct {
	*listen.Front
	name   wire.Name
	wedged atomic.Int32
}

// serve serves addrs until the test ends. Two fronts of one name are one process.
func serve(t *testing.T, name string, sockets int, addrs ...netip.AddrPort) *front {
	t.Helper()
	open, err := listen.Open(listen.Config{Addrs: addrs, Sockets: sockets})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{Front: open, name: testkit.Name(t, name)}
	f.wedged.Store(none)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Serve(ctx, f.answer) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *front) checker() *Checker { return New(f.name, func() Front { return f.Front }) }

// answer answers the name as resolve does.
func (f *front) answer(dst, query []byte, c *listen.Client) []byte {
	var q wire.Query
	if w := f.wedged.Load(); w == all || w == int32(c.Reader) || q.Parse(query) != wire.Valid {
		return nil
	}
	if !q.Name.Equal(f.name) {
		return wire.AppendReply(dst, &q, wire.Refused, wire.RA, nil)
	}
	reader := strconv.Itoa(c.Reader)
	start := len(dst)
	dst = wire.AppendReply(dst, &q, wire.NoError, wire.RA, nil)
	return wire.AppendRecord(dst, start, wire.Answer, q.Name, wire.TXT, wire.CH, 0, append([]byte{byte(len(reader))}, reader...))
}

// TestReadReader reads what may come from whoever listens at the address.
func TestReadReader(t *testing.T) {
	for _, test := range []struct {
		data   string
		reader int
		ok     bool
	}{
		{"\x0212", 12, true},
		{"\x02123", 12, true},
		{"\x00", 0, false},
		{"\x01", 0, false},
		{"\x031", 0, false},
		{"", 0, false},
		{"\x01x", 0, false},
	} {
		if reader, ok := readReader([]byte(test.data)); ok != test.ok || ok && reader != test.reader {
			t.Errorf("%q: %d %t", test.data, reader, ok)
		}
	}
}
