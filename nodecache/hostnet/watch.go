package hostnet

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// watcher puts back what others take from the device, and follows the default routes. It doesn't
// watch the rules: nobody else can change a table with an owner.
type watcher struct {
	events route
	stop   chan struct{} // closed before events
	done   chan struct{} // closed when run has ended
}

// groups of events: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and
// RTMGRP_IPV6_ROUTE of linux/rtnetlink.h.
const groups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

// repairPause lies between two repairs. Someone who takes away as fast as we put back then costs us
// little, and the many events of one cause make one repair.
const repairPause = 50 * time.Millisecond

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

// run ends when close is called.
func (w *watcher) run(h *Host) {
	due, failed := time.Now().Add(Renewal), false
	for {
		index, renew := h.watched()
		if renew || failed {
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
		due, failed = time.Now().Add(Renewal), err != nil
		time.Sleep(repairPause)
	}
}

// next waits for an event, or until the deadline. act says whether there is something to do, and
// open whether to go on.
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
	case <-time.After(Renewal):
		h.cfg.Log.Error("network device: watching it: " + err.Error())
		return true, true
	}
}

// isLoss reports whether one of the events takes something from the device.
func isLoss(events []netlink.Message, index int) bool {
	for _, m := range events {
		if len(m.Data) < 12 || int(binary.NativeEndian.Uint32(m.Data[4:])) != index {
			continue // ifi_index and ifa_index have the same offset
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

// isOfRoutes reports whether one of the events is about a route. With defaultsOnly, that is a
// default route.
func isOfRoutes(events []netlink.Message) bool {
	return slices.ContainsFunc(events, func(m netlink.Message) bool {
		return m.Header.Type == unix.RTM_NEWROUTE || m.Header.Type == unix.RTM_DELROUTE
	})
}

// defaultsOnly is a filter for the events of routes: it lets only default routes through. A node
// has few of them, but it has a route for each Pod, and from routing daemons thousands.
func defaultsOnly() ([]bpf.RawInstruction, error) {
	host := func(typ uint16) uint32 { // BPF reads big-endian what the kernel writes in the host's order
		return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, typ)))
	}
	const kind, dstLen = 4, unix.SizeofNlMsghdr + 1
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: kind, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(unix.RTM_NEWROUTE), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: host(unix.RTM_DELROUTE), SkipTrue: 2},
		bpf.LoadAbsolute{Off: dstLen, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
}
