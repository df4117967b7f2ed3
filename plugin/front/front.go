package front

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/plugin/count"
	"github.com/neardns/neardns/plugin/lane"
	"github.com/neardns/neardns/plugin/proof"
)

// front is our sockets at one address, and what they answer with.
type front struct {
	fronts  *Fronts
	sockets *listen.Front
	limits  limits
	lane    lane.Lane
	bound   net.Addr // of the UDP sockets
	zone    string   // of the address, if it is a link-local one
	current atomic.Pointer[generation]
	cancel  context.CancelFunc // lets it leave
	counts  *count.Counts
	proof   *proof.Checker
}

func newFront(f *Fronts, sockets *listen.Front, counts *count.Counts, addr netip.AddrPort, l limits, g *generation) *front {
	opened := &front{
		fronts: f, sockets: sockets, limits: l, zone: addr.Addr().Zone(),
		lane:   lane.Lane{Cookies: f.cookies, Idle: l.idle},
		bound:  net.UDPAddrFromAddrPort(sockets.Addrs()[0]),
		counts: counts, proof: proof.New(),
	}
	opened.current.Store(g)
	return opened
}

// run answers until ctx ends, and then leaves.
func (f *front) run(ctx context.Context) {
	var proving sync.WaitGroup
	left, stop := context.WithCancel(context.Background())
	proving.Go(func() { f.proof.Run(left) })
	if err := f.sockets.Serve(ctx, f.handle); err != nil {
		f.fronts.log.Warningf("express: %s: %v", f.bound, err)
	}
	f.fronts.losses.Remove(f.sockets)
	stop()
	proving.Wait() // it asks the server
	f.current.Load().retire()
}

// take lets g take the place of the present generation.
func (f *front) take(g *generation) { f.current.Swap(g).retire() }

// handle is the listen.Handler.
func (f *front) handle(dst, query []byte, c *listen.Client) []byte {
	g := f.current.Load()
	answer, v := f.answer(g, dst, query, c)
	switch v.Outcome {
	case lane.PassedOn:
		return f.passOn(dst, query, c)
	case lane.Refused:
		f.counts.Outcome(c.Reader, count.Refused)
	case lane.Dropped:
		f.counts.Outcome(c.Reader, count.Dropped)
	default:
		if f.prove(g, query, answer, c, &v) {
			f.counts.Outcome(c.Reader, count.Compared)
			break
		}
		f.counts.Outcome(c.Reader, count.Answered)
		if v.Count != nil {
			v.Count.Observe(&tally.Sample{
				Writer: c.Reader, TCP: c.TCP, IPv6: c.Remote.Addr().Is6(), DO: v.DO, Type: v.Type, Rcode: v.Rcode,
				QuerySize: len(query), ReplySize: v.Size, Took: time.Since(c.Received),
			})
		}
	}
	return answer
}

// answer asks the lane. A query at which the lane panics is passed on.
func (f *front) answer(g *generation, dst, query []byte, c *listen.Client) (answer []byte, v lane.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			f.counts.Outcome(c.Reader, count.Panicked)
			f.fronts.panicked(query, r)
			answer, v = dst, lane.Verdict{Outcome: lane.PassedOn}
		}
	}()
	return f.lane.Answer(g.table, dst, query, c)
}

// enter returns the present generation, with one more query open, or nil once the front has left.
func (f *front) enter() *generation {
	for {
		g := f.current.Load()
		if g.enter() {
			return g
		}
		if f.current.Load() == g { // it is over, and no other has taken its place
			return nil
		}
	}
}

// limits are the limits of a server's TCP connections, as our sockets keep them.
type limits struct {
	read, write, idle time.Duration
	queries           int
}

func limitsOf(s *dnsserver.Server) limits {
	return limits{read: s.ReadTimeout, write: s.WriteTimeout, idle: s.IdleTimeout, queries: max(s.MaxTCPQueries, 0)} // -1 is no limit
}

// room is for what a node cache may have under way on one connection: a thousand queries.
const room = 128 << 10

// config returns how to listen at addr.
func (l limits) config(addr netip.AddrPort, firstReader int, total *listen.Total) listen.Config {
	return listen.Config{
		Addrs: []netip.AddrPort{addr}, DualStack: true, FirstReader: firstReader, Drain: patience,
		TCP: listen.Limits{Read: l.read, Write: l.write, Idle: l.idle, Queries: l.queries, Room: room, Total: total},
	}
}

// bindAddr returns the address of a server, as dnsserver.Server.Listen reads it.
func bindAddr(server string) (netip.AddrPort, error) {
	text, plain := strings.CutPrefix(server, transport.DNS+"://")
	if strings.HasPrefix(text, ":") {
		text = "[::]" + text
	}
	addr, err := netip.ParseAddrPort(text)
	switch {
	case err != nil:
		return addr, err
	case !plain || addr.Port() == 0:
		return addr, fmt.Errorf("%s is no address that sockets can share", server)
	}
	return addr, nil
}
