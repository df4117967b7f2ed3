package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/nodecache/hostnet/nft"
	"github.com/neardns/neardns/nodecache/hostnet/probe"
)

// ErrNoPath says that a probe has no TUN to send its packets through.
var ErrNoPath = errors.New("no TUN device: a probe can't take the way of a Pod's packet")

// Host is what this process has on its node. Its methods may be called from any goroutine.
type Host struct {
	cfg       Config
	mode      Mode
	leftovers []Leftover
	route     route
	watcher   *watcher
	probing   sync.Mutex // held by the probe that is on the path

	mu      sync.Mutex // of all below
	outside outside    // as the rules know it
	device  *device    // nil if not wanted
	table   *nft.Table // nil if not wanted
}

// Mode says how the kernel takes back what a Host has.
type Mode struct {
	Device string // "tun", "dummy", or "none"
	Table  string // "owned", "timeout", or "none"
	Why    string // why not "tun" and "owned", if they are wanted; else empty
}

// Impaired reports whether addresses or rules stay for up to 3 s after the process dies.
func (m Mode) Impaired() bool { return m.Why != "" }

// Open gives the node the addresses, and rules for the answers that leave them. It intercepts
// nothing yet. If it fails, the node is as it was, and the error says in one line what is wrong and
// what helps.
func Open(c Config) (*Host, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	r, err := openRoute(0)
	if err != nil {
		return nil, err
	}
	h := &Host{cfg: c, route: r, mode: Mode{Device: "none", Table: "none"}}
	if err := h.open(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

func (h *Host) open() (err error) {
	if h.leftovers, err = survey(h.route, &h.cfg); err != nil {
		return err
	}
	var noTUN, noOwner string
	if h.cfg.Interface {
		if h.device, noTUN, err = openDevice(h.route, &h.cfg); err != nil {
			return err
		}
		h.mode.Device = h.device.kind
	}
	if h.cfg.Rules {
		if h.table, noOwner, err = openTable(&h.cfg, h.device.probes()); err != nil {
			return err
		}
		h.mode.Table = "owned"
		if noOwner != "" {
			h.mode.Table = "timeout"
		}
		h.findRules()
	}
	if h.watcher, err = watch(h); err != nil {
		return err
	}
	for _, why := range []string{noTUN, noOwner} {
		if why != "" && h.mode.Why != "" {
			why = "; " + why
		}
		h.mode.Why += why
	}
	h.mu.Lock() // the watcher runs
	defer h.mu.Unlock()
	return h.lookOutside()
}

// findRules adds the rules of another node-local cache to h.leftovers. If they can't be read, we
// go on without them.
func (h *Host) findRules() {
	rules, err := leftoverRules(h.cfg.Addrs)
	if err != nil {
		h.cfg.Log.Warn("looking for rules of another node-local cache: " + err.Error())
	}
	h.leftovers = append(h.leftovers, rules...)
}

// Mode returns how the kernel takes back what h has. It stays the same after Open.
func (h *Host) Mode() Mode { return h.mode }

// Leftovers returns what another node-local cache had left when h was opened.
func (h *Host) Leftovers() []Leftover { return h.leftovers }

// Intercept makes queries to the addresses ours for 3 s, beginning now. Call it each Renewal
// while probes succeed. It is the only step that takes queries from others.
func (h *Host) Intercept() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.table == nil {
		return nil
	}
	return explain("interception", h.table.Take())
}

// Release gives the queries back at once, until the next Intercept. Answers still leave as before,
// so queries that we have can be answered.
func (h *Host) Release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.table == nil {
		return nil
	}
	return explain("interception", h.table.Release())
}

// Ensure puts back the device, its addresses and its routes where they are missing, and has the
// rules follow the default routes. A Host calls it when the kernel reports an event. Call it also
// when a probe fails, because not all that can go wrong makes an event.
func (h *Host) Ensure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device != nil {
		if err := h.ensureDevice(); err != nil {
			return err
		}
	}
	return h.lookOutside()
}

// ensureDevice makes the device again if it is gone. h.mu is held.
func (h *Host) ensureDevice() error {
	err := h.device.put(h.route, h.cfg.Addrs)
	if !isAny(err, unix.ENODEV) {
		return err
	}
	made, _, err := openDevice(h.route, &h.cfg)
	if err != nil {
		return err
	}
	h.device.close(h.route)
	h.device = made
	if h.table == nil {
		return nil
	}
	return h.table.SetProbes(made.probes())
}

// lookOutside has the rules follow the default routes. h.mu is held.
func (h *Host) lookOutside() error {
	if h.table == nil || h.cfg.AnswerOutside {
		return nil
	}
	o, err := h.route.outside()
	if err != nil || o.equal(h.outside) {
		return err
	}
	if err := h.table.SetOutside(o.indexes); err != nil {
		return err
	}
	h.outside = o
	if len(o.names) > 0 {
		h.cfg.Log.Info("queries that come in by the device of a default route get no answer: other machines send them", "devices", o.names)
	}
	if len(o.unsure) > 0 {
		h.cfg.Log.Info("queries that come in by the device of a default route are answered: Pods may send them", "devices", o.unsure)
	}
	return nil
}

// watched returns the index of the device, or 0, and whether its addresses need renewal.
func (h *Host) watched() (index int, renew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device == nil {
		return 0, false
	}
	return h.device.index, h.device.lifetime != infinity
}

// Probe sends query over UDP to one of the addresses, as a packet that comes in by our own TUN, and
// returns the answer, which is the caller's. The packet passes the host's firewall at prerouting
// and input, and the answer passes it at output, as a Pod's do; only the device's name and the
// source address differ. Probes are never tracked and never intercepted, so they reach the sockets
// of this node before Intercept and after Release too.
//
// See probe.Path.UDP for which socket it reaches, and for its errors. Without a TUN, the error is
// ErrNoPath.
func (h *Host) Probe(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	return h.probe(probe.Path.UDP, ctx, query, to)
}

// ProbeTCP is Probe over TCP. See probe.Path.TCP.
func (h *Host) ProbeTCP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	return h.probe(probe.Path.TCP, ctx, query, to)
}

type prober func(probe.Path, context.Context, []byte, netip.AddrPort) ([]byte, error)

func (h *Host) probe(ask prober, ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	h.probing.Lock()
	defer h.probing.Unlock()
	p, err := h.path(to.Addr())
	if err != nil {
		return nil, err
	}
	return ask(p, ctx, query, to)
}

// path returns the path of a probe to an address.
func (h *Host) path(to netip.Addr) (probe.Path, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device == nil || h.device.tun == nil {
		return probe.Path{}, ErrNoPath
	}
	i := slices.IndexFunc(h.device.sources, func(a netip.Addr) bool { return a.Is4() == to.Is4() })
	if i < 0 {
		return probe.Path{}, fmt.Errorf("probe of %s: no address of its family is ours", to)
	}
	return probe.Path{TUN: h.device.tun, From: h.device.sources[i]}, nil
}

// Close takes everything away. What it can't take away, the kernel does when the process ends.
// After Close, no method may be called.
func (h *Host) Close() error {
	if h.watcher != nil {
		h.watcher.close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	if h.table != nil {
		errs = append(errs, h.table.Close())
		h.table = nil
	}
	if h.device != nil {
		errs = append(errs, h.device.close(h.route))
		h.device = nil
	}
	errs = append(errs, h.route.Close())
	return errors.Join(errs...)
}
