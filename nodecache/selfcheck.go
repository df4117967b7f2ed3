package nodecache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/resolve"
)

// selfCheck asks every socket of a front what only this process can answer. It needs no
// upstream: a cache that can't reach one still has answers, and a restart would lose them.
type selfCheck struct {
	way
	instance string
	front    func() *front // the one at work
}

// selfTries is how often a socket is asked, on average, before silence is taken for a fault:
// of two processes that share a port, the kernel may hand a query to the other, which may
// hang. So the first tries are short, and then each waits twice as long: a busy machine may
// take its time.
const (
	selfTries   = 16
	shortTries  = 4
	selfWait    = 20 * time.Millisecond
	longestWait = 160 * time.Millisecond
)

// at returns nil if all sockets answer that receive what is sent to addrs; where none is
// given, to the addresses of the front that are on this host. A front that has been replaced
// meanwhile may be silent.
func (c selfCheck) at(ctx context.Context, addrs ...netip.AddrPort) error {
	for {
		f := c.front()
		err := c.sockets(ctx, f, addrs)
		if err == nil || f == c.front() {
			return err
		}
	}
}

func (c selfCheck) sockets(ctx context.Context, f *front, addrs []netip.AddrPort) error {
	thread := pinThread()
	defer thread.free()
	if len(addrs) == 0 {
		addrs = hereOf(f.Addrs())
	}
	for _, addr := range addrs {
		to, ok := reach(addr, f.Addrs())
		if !ok {
			continue // whatever is sent to this host, others listen for
		}
		if err := c.udpSockets(ctx, f.ReadersAt(addr), to, thread); err != nil {
			return err
		}
		if err := c.listener(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

// udpSockets asks until each of the sockets has answered. Where sockets belong to CPUs, from
// Linux 6.2 on, the kernel picks that of the CPU which sends, and else one by the ports.
func (c selfCheck) udpSockets(ctx context.Context, missing []int, addr netip.AddrPort, thread *pinned) error {
	n := len(missing)
	for try := 0; len(missing) > 0 && try < n*selfTries && ctx.Err() == nil; try++ {
		thread.toNext()
		if shard, err := c.once(ctx, c.udp, addr, try/n); err == nil {
			missing = slices.DeleteFunc(missing, func(s int) bool { return s == shard })
		}
	}
	if len(missing) > 0 || n == 0 {
		return fmt.Errorf("no answer of its own from %d of %d UDP sockets at %v", len(missing), n, addr)
	}
	return nil
}

// listener asks until one connection has led here: all of them are served together.
func (c selfCheck) listener(ctx context.Context, addr netip.AddrPort) error {
	var err error
	for try := 0; try < selfTries && ctx.Err() == nil; try++ {
		if _, err = c.once(ctx, c.tcp, addr, try); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no answer of its own over TCP at %v: %w", addr, err)
}

// errOther says that the process that shares the port has answered.
var errOther = errors.New("another process answered")

// once asks, and returns which loop of this process answered. Each round waits longer.
func (c selfCheck) once(ctx context.Context, ask exchange, to netip.AddrPort, round int) (shard int, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(selfWait<<max(0, round-shortTries), longestWait))
	defer cancel()
	q := wire.Query{ID: uint16(rand.Uint32()), Name: resolve.InstanceName(c.instance), Type: wire.TXT, Class: wire.CH} // #nosec G115 G404 -- seeded by the kernel
	answer, err := ask(ctx, wire.AppendQuery(nil, &q, nil), to)
	if err != nil {
		return 0, err
	}
	if !q.Matches(answer) {
		return 0, errOther
	}
	for w := wire.Walk(answer); w.Next(); {
		if shard, ok := readLoop(answer[w.Data:w.End]); w.Type == wire.TXT && ok {
			return shard, nil
		}
	}
	return 0, errOther
}

// readLoop reads the string that answers resolve.InstanceName.
func readLoop(data []byte) (shard int, ok bool) {
	if len(data) == 0 || int(data[0]) >= len(data) {
		return 0, false
	}
	shard, err := strconv.Atoi(string(data[1 : 1+data[0]]))
	return shard, err == nil
}
