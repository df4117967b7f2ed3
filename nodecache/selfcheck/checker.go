package selfcheck

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
)

// Time is how long a check may take. Callers limit it.
const Time = 2 * time.Second

// Front is the sockets that are asked; see listen.Front.
type Front interface {
	Addrs() []netip.AddrPort
	// ReadersAt returns the readers of the UDP sockets that receive what is sent to an address.
	ReadersAt(netip.AddrPort) []int
}

// Checker asks every socket of a front what only this process can answer. It needs no upstream: a
// cache that can't reach one still has answers, and a restart would lose them.
type Checker struct {
	name  wire.Name
	front func() Front
}

// New returns a Checker. It asks the sockets of the Front that is in use, which front returns: the
// same one until it is replaced. It asks for name, in class CHAOS, type TXT. No other process answers
// that; this one answers with the number of the reader; see resolve.InstanceName.
func New(name wire.Name, front func() Front) *Checker { return &Checker{name, front} }

// How often a socket is asked, on average, before silence is taken for a fault. Where two processes
// share a port, the kernel may hand a query to the other one, which may hang. So the first tries are
// short. Then each waits twice as long, because a busy machine may take its time.
const (
	tries       = 16
	shortTries  = 4
	shortWait   = 20 * time.Millisecond
	longestWait = 160 * time.Millisecond
)

// Check asks all sockets that receive queries to addrs. Without addrs, it takes the front's
// addresses on this host. It returns nil if each socket answers. A front may fall silent because it
// was replaced during the check; then Check asks the new one.
func (c *Checker) Check(ctx context.Context, w Way, addrs ...netip.AddrPort) error {
	for {
		f := c.front()
		err := c.sockets(ctx, w, f, addrs)
		if err == nil || f == c.front() {
			return err
		}
	}
}

func (c *Checker) sockets(ctx context.Context, w Way, f Front, addrs []netip.AddrPort) error {
	thread := pinThread()
	defer thread.free()
	if len(addrs) == 0 {
		addrs = onHost(f.Addrs())
	}
	for _, addr := range addrs {
		to, ok := reach(addr, f.Addrs())
		if !ok {
			continue // other sockets receive whatever is sent to this host
		}
		if err := c.udpSockets(ctx, w.UDP, f.ReadersAt(addr), to, thread); err != nil {
			return err
		}
		if err := c.listener(ctx, w.TCP, to); err != nil {
			return err
		}
	}
	return nil
}

// udpSockets asks until each of the readers has answered. From Linux 6.2 on, a socket may belong to
// a CPU, and the kernel picks the one whose CPU sends. Before, it picks one by the ports.
func (c *Checker) udpSockets(ctx context.Context, ask exchange, missing []int, to netip.AddrPort, thread *pinned) error {
	n := len(missing)
	for try := 0; len(missing) > 0 && try < n*tries && ctx.Err() == nil; try++ {
		thread.toNext()
		if reader, err := c.once(ctx, ask, to, try/n); err == nil {
			missing = slices.DeleteFunc(missing, func(r int) bool { return r == reader })
		}
	}
	if len(missing) > 0 || n == 0 {
		return fmt.Errorf("no answer of its own from %d of %d UDP sockets at %v", len(missing), n, to)
	}
	return nil
}

// listener asks until this process has answered over one connection. One reader serves all of them.
func (c *Checker) listener(ctx context.Context, ask exchange, to netip.AddrPort) error {
	var err error
	for try := 0; try < tries && ctx.Err() == nil; try++ {
		if _, err = c.once(ctx, ask, to, try); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no answer of its own over TCP at %v: %w", to, err)
}

// errOther says that the answer came from another process, which shares the port.
var errOther = errors.New("another process answered")

// once asks once, and returns the reader of this process that answered. A later round waits longer.
func (c *Checker) once(ctx context.Context, ask exchange, to netip.AddrPort, round int) (reader int, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(shortWait<<max(0, round-shortTries), longestWait))
	defer cancel()
	q := wire.Query{ID: uint16(rand.Uint32()), Name: c.name, Type: wire.TXT, Class: wire.CH}
	answer, err := ask(ctx, wire.AppendQuery(nil, &q, nil), to)
	if err != nil {
		return 0, err
	}
	if !q.Matches(answer) {
		return 0, errOther
	}
	for w := wire.Walk(answer); w.Next(); {
		if reader, ok := readReader(answer[w.Data:w.End]); w.Type == wire.TXT && ok {
			return reader, nil
		}
	}
	return 0, errOther
}

// readReader reads the first string of a TXT record, which is the number of a reader.
func readReader(data []byte) (reader int, ok bool) {
	if len(data) == 0 || int(data[0]) >= len(data) {
		return 0, false
	}
	reader, err := strconv.Atoi(string(data[1 : 1+data[0]]))
	return reader, err == nil
}
