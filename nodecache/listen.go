package nodecache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/nodecache/budget"
	"github.com/neardns/neardns/nodecache/corefile"
)

// The numbers of those who count queries; see package tally. While one front takes over from
// another, the readers of one have numbers below frontReaders, and those of the other the numbers
// from there on. Flights have the last number.
const (
	frontReaders = 255 // of one front at most
	flightWriter = 2 * frontReaders
	writers      = flightWriter + 1
)

// drain is how long a front that closes may take to answer what it received: as long as a stub
// resolver waits for its answer (resolv.conf(5), timeout).
const drain = 5 * time.Second

// front is the sockets of some addresses, while they serve.
type front struct {
	*listen.Front
	addrs  []netip.AddrPort // as wanted
	cancel context.CancelFunc
	done   chan error
}

// leave hands the ports over, answers what was received, and closes.
func (f *front) leave() error {
	f.cancel()
	return <-f.done
}

// fronts is the front that is in use, and those that it took over from.
type fronts struct {
	memory   *budget.Budget
	freeBind bool // listen at addresses that no device has yet
	log      *slog.Logger

	total   listen.Total
	ledger  listen.Ledger
	opened  int // how many fronts there were
	current atomic.Pointer[front]
	old     sync.WaitGroup // fronts that were replaced and still answer
}

// open opens sockets at addrs, and serves. It replaces nothing: it returns nil if the current front
// has these addresses already.
func (f *fronts) open(addrs []netip.AddrPort, h listen.Handler) (*front, error) {
	if c := f.current.Load(); c != nil && slices.Equal(c.addrs, addrs) {
		return nil, nil
	}
	sockets, err := listen.Open(f.config(addrs))
	if err != nil {
		return nil, err
	}
	if sockets.Readers() > frontReaders {
		sockets.Close()
		return nil, fmt.Errorf("%d addresses to listen on are too many: each takes a socket for every CPU, and there may be %d in all", len(addrs), frontReaders)
	}
	ctx, cancel := context.WithCancel(context.Background())
	next := &front{sockets, addrs, cancel, make(chan error, 1)}
	f.ledger.Add(sockets)
	go func() {
		err := sockets.Serve(ctx, h)
		f.ledger.Remove(sockets)
		next.done <- err
	}()
	f.opened++
	return next, nil
}

// config says how to listen at addrs. While one front takes over from another there are two. They
// share what connections may keep, and each has half of what datagrams may.
func (f *fronts) config(addrs []netip.AddrPort) listen.Config {
	b := f.memory
	sockets := min(runtime.GOMAXPROCS(0), 8)
	each := 2 * sockets * max(len(addrs), 1)
	return listen.Config{
		Addrs: addrs, FreeBind: f.freeBind, FirstReader: f.opened % 2 * frontReaders, Sockets: sockets, Drain: drain,
		Queue: min(b.Queues/each, listen.DefaultQueue), Backlog: min(b.Backlog/each, listen.DefaultBacklog),
		TCP: listen.Limits{
			Conns: b.Conns, PerClient: min(b.Conns/4, listen.DefaultPerClient), Buffers: b.Buffers, Unsent: b.Unsent, Total: &f.total,
		},
	}
}

// replace makes next the current front. The one before still answers what it received.
func (f *fronts) replace(next *front) {
	old := f.current.Swap(next)
	if old == nil {
		return
	}
	f.old.Go(func() {
		if err := old.leave(); err != nil {
			f.log.Warn("closing sockets", "error", err)
		}
	})
}

// close ends all fronts. Queries that were received are answered before.
func (f *fronts) close() error {
	err := f.current.Load().leave()
	f.old.Wait()
	return err
}

// listenAddrs returns where a block with these binds listens on a port: everywhere if there are
// none.
func listenAddrs(binds []corefile.Bind, port uint16) ([]netip.AddrPort, error) {
	var addrs []netip.Addr
	for _, b := range binds {
		found, err := bindAddrs(b)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			if !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
	}
	switch {
	case len(binds) == 0:
		addrs = everywhere()
	case len(addrs) == 0:
		return nil, fmt.Errorf("%s: bind: nothing left to listen on, expected an address that is not in except", binds[0].Pos)
	}
	var list []netip.AddrPort
	for _, a := range addrs {
		list = append(list, netip.AddrPortFrom(a, port))
	}
	return list, nil
}

// everywhere returns the unspecified addresses of the families that the host has.
func everywhere() []netip.Addr {
	addrs := []netip.Addr{netip.IPv4Unspecified()}
	if c, err := net.ListenPacket("udp6", "[::]:0"); err == nil {
		c.Close()
		addrs = append(addrs, netip.IPv6Unspecified())
	}
	return addrs
}

// bindAddrs returns the addresses that b names, without its exceptions.
func bindAddrs(b corefile.Bind) ([]netip.Addr, error) {
	addrs, err := namedAddrs(b)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s: bind: %s has no address to listen on", b.Pos, b.Interface)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range b.Except {
		out, err := namedAddrs(e)
		if err != nil {
			return nil, err
		}
		addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return slices.Contains(out, a) })
	}
	return addrs, nil
}

// namedAddrs returns b's address, or those of its interface.
func namedAddrs(b corefile.Bind) ([]netip.Addr, error) {
	if b.Interface == "" {
		return []netip.Addr{b.Addr}, nil
	}
	addrs, err := interfaceAddrs(b.Interface)
	if err != nil {
		return nil, fmt.Errorf("%s: bind: %s: %w, expected an address, or an interface of this host", b.Pos, b.Interface, err)
	}
	return addrs, nil
}

func interfaceAddrs(name string) ([]netip.Addr, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	nets, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, n := range nets {
		p, err := netip.ParsePrefix(n.String())
		if err != nil {
			return nil, err
		}
		a := p.Addr().Unmap()
		if a.IsLinkLocalUnicast() && a.Is6() {
			a = a.WithZone(name)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// placed adds to an error about an address the place in the Corefile that names the address.
func placed(conf *corefile.Config, err error) error {
	op := (*listen.OpError)(nil)
	if !errors.As(err, &op) {
		return err
	}
	for _, b := range conf.Blocks {
		if len(b.Binds) == 0 && op.Addr.Addr().IsUnspecified() && slices.ContainsFunc(b.Keys, func(k corefile.Key) bool { return k.Port == op.Addr.Port() }) {
			return fmt.Errorf("%s: %w", b.Pos, err)
		}
		i := slices.IndexFunc(b.Binds, func(b corefile.Bind) bool { return b.Addr == op.Addr.Addr() })
		if i >= 0 {
			return fmt.Errorf("%s: bind: %w", b.Binds[i].Pos, err)
		}
	}
	return err
}
