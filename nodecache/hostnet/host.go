package hostnet

import (
	"errors"
	"sync"
)

// Host is what this process has on its node. Its methods may be called from any goroutine.
type Host struct {
	cfg       Config
	mode      Mode
	leftovers []Leftover
	route     route
	watcher   *watcher
	probing   sync.Mutex

	mu      sync.Mutex // of what follows
	outside outside    // as the rules know it
	device  *device    // nil if not wanted
	table   *table     // nil if not wanted
}

// Mode says how the kernel takes back what we have.
type Mode struct {
	Device string // "tun", "dummy", or "none"
	Table  string // "owned", "timeout", or "none"
	Why    string // why not "tun" and "owned", where they are wanted; else empty
}

// Impaired reports whether Mode is a fallback: after a death, addresses or rules stay up to
// Lifetime.
func (m Mode) Impaired() bool { return m.Why != "" }

// Open gives the node the addresses, and rules for what they send. Nothing is intercepted
// yet. If it returns an error, an *Error usually, the node is as it was.
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
		h.mode.Table = h.table.mode()
		h.findRules()
	}
	if h.watcher, err = watch(h); err != nil {
		return err
	}
	h.mu.Lock() // the watcher runs
	err = h.lookOutside()
	h.mu.Unlock()
	if err != nil {
		return err
	}
	for _, why := range []string{noTUN, noOwner} {
		if why != "" && h.mode.Why != "" {
			why = "; " + why
		}
		h.mode.Why += why
	}
	return nil
}

// findRules adds the rules of an earlier node-local cache to leftovers. It goes without them
// where they can't be read.
func (h *Host) findRules() {
	rules, err := leftoverRules(h.cfg.Addrs)
	if err != nil {
		h.cfg.Log.Warn("looking for rules of another node-local cache: " + err.Error())
	}
	h.leftovers = append(h.leftovers, rules...)
}

// Mode returns how this Host is kept by the kernel, as Open found it.
func (h *Host) Mode() Mode { return h.mode }

// Leftovers returns what an earlier node-local cache had when this Host was opened.
func (h *Host) Leftovers() []Leftover { return h.leftovers }

// Intercept makes queries to the addresses ours for Lifetime, beginning now. Call it each
// second while probes succeed. It is the one step that takes queries from others.
func (h *Host) Intercept() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.table == nil {
		return nil
	}
	return explain("interception", h.table.take())
}

// Release gives queries back at once. Answers still leave as before, so that what was asked
// can be answered. Interception stays off until Intercept is called again.
func (h *Host) Release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.table == nil {
		return nil
	}
	return explain("interception", h.table.release())
}

// Ensure puts the device, its addresses and its routes back where they are missing, and has the
// rules follow the default routes. Events of the kernel call it; call it also when a probe
// fails, which they don't see all causes of.
func (h *Host) Ensure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device != nil {
		if err := h.ensure(); err != nil {
			return err
		}
	}
	return h.lookOutside()
}

// Close takes all of it away. What it can't, the kernel does when the process ends. Call it
// once; no other method may be called after.
func (h *Host) Close() error {
	if h.watcher != nil {
		h.watcher.close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	if h.table != nil {
		errs = append(errs, h.table.close())
		h.table = nil
	}
	if h.device != nil {
		errs = append(errs, h.device.close(h.route))
		h.device = nil
	}
	errs = append(errs, h.route.Close())
	return errors.Join(errs...)
}
