package hostnet

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// watcher puts back what others take from the device, and follows the default routes. Rules need
// no watching: nobody else can change a table with an owner.
type watcher struct {
	events route
	stop   chan struct{} // closed before events
	done   chan struct{} // closed when run has ended
}

// groups of events: RTMGRP_LINK, and RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE and the same of IPv6,
// of linux/rtnetlink.h.
const groups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

// repairPause lies between two repairs, so that someone who takes away as fast as we put back
// costs little. It also gathers the many events of one cause.
const repairPause = 50 * time.Millisecond

// renewal is how often the addresses of a fallback device are renewed, and a repair that
// failed is tried again.
const renewal = time.Second

func watch(h *Host) (*watcher, error) {
	events, err := openRoute(groups)
	if err != nil {
		return nil, err
	}
	filter, err := defaultsOnly()
	if err == nil {
		err = events.SetBPF(filter)
	}
	if err != nil {
		events.Close()
		return nil, explain("rtnetlink", err)
	}
	w := &watcher{events, make(chan struct{}), make(chan struct{})}
	go func() { defer close(w.done); w.run(h) }()
	return w, nil
}

func (w *watcher) close() {
	close(w.stop)
	w.events.Close()
	<-w.done
}

// run ends when stop and events are closed.
func (w *watcher) run(h *Host) {
	due, failed := time.Now().Add(renewal), false
	for {
		index, finite := h.watched()
		if finite || failed {
			w.events.SetReadDeadline(due)
		} else {
			w.events.SetReadDeadline(time.Time{})
		}
		switch act, open := w.next(h, index); {
		case !open:
			return
		case !act:
			continue
		}
		err := h.Ensure()
		if err != nil && !failed {
			h.cfg.Log.Error("network device: " + err.Error())
		}
		due, failed = time.Now().Add(renewal), err != nil
		time.Sleep(repairPause)
	}
}

// next waits for an event, or until the deadline. It returns whether there is something to do,
// and whether to go on.
func (w *watcher) next(h *Host, index int) (act, open bool) {
	found, err := w.events.Receive()
	switch {
	case isAny(err, unix.ENOBUFS): // events are lost
		return true, true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true, true
	case err == nil && isOfRoutes(found):
		return true, true
	case err == nil && isLoss(found, index):
		h.cfg.Log.Warn("network device: someone changed it; putting it back")
		return true, true
	case err == nil:
		return false, true
	}
	select {
	case <-w.stop:
		return false, false
	case <-time.After(renewal):
		h.cfg.Log.Error("network device: watching it: " + err.Error())
		return true, true
	}
}

// isLoss reports whether one of the events takes something from the device.
func isLoss(events []netlink.Message, index int) bool {
	for _, m := range events {
		if len(m.Data) < 12 || int(binary.NativeEndian.Uint32(m.Data[4:])) != index {
			continue // ifi_index and ifa_index are at the same place
		}
		switch m.Header.Type {
		case unix.RTM_DELLINK, unix.RTM_DELADDR:
			return true
		case unix.RTM_NEWLINK: // ifi_flags
			if binary.NativeEndian.Uint32(m.Data[8:])&unix.IFF_UP == 0 {
				return true
			}
		}
	}
	return false
}

// isOfRoutes reports whether events are of routes: of default ones, then.
func isOfRoutes(events []netlink.Message) bool {
	return slices.ContainsFunc(events, func(m netlink.Message) bool {
		return m.Header.Type == unix.RTM_NEWROUTE || m.Header.Type == unix.RTM_DELROUTE
	})
}

// watched returns the index of the device, or 0, and whether its addresses need renewal.
func (h *Host) watched() (index int, finite bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device == nil {
		return 0, false
	}
	return h.device.index, h.device.lifetime != infinity
}

// ensure makes the device anew if it is gone. h.mu is held.
func (h *Host) ensure() error {
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
	return h.table.probeFrom(made.probes())
}
