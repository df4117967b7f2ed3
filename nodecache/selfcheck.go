package nodecache

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/resolve"
)

// selfTries is how often this process asks itself before it takes silence for a fault: of
// two that share a port, the kernel may hand a query to the other.
const (
	selfTries = 16
	selfWait  = 100 * time.Millisecond
)

// answersItself asks the front what only this process can answer. It returns nil as soon as
// one of the addresses that are on this host has answered, or if none is.
func answersItself(ctx context.Context, addrs []netip.AddrPort, instance string) error {
	here := slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return !onThisHost(a.Addr()) })
	for range selfTries {
		for _, addr := range here {
			if asksItself(ctx, addr, instance) {
				return nil
			}
		}
		if len(here) == 0 || ctx.Err() != nil {
			break
		}
	}
	if len(here) == 0 {
		return nil
	}
	return fmt.Errorf("no answer of its own at %v", here)
}

// onThisHost reports whether packets to addr stay here.
func onThisHost(addr netip.Addr) bool {
	if addr.IsUnspecified() || addr.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == addr
	})
}

// asksItself asks once, from a port of its own.
func asksItself(ctx context.Context, addr netip.AddrPort, instance string) bool {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", addr.String())
	if err != nil {
		return false
	}
	defer c.Close()
	q := wire.Query{ID: uint16(time.Now().UnixNano()), Name: resolve.Instance, Type: wire.TXT, Class: wire.CH}
	buf := wire.AppendQuery(make([]byte, 0, 512), &q, nil)
	c.SetDeadline(time.Now().Add(selfWait))
	if _, err := c.Write(buf); err != nil {
		return false
	}
	n, err := c.Read(buf[:512])
	if err != nil || !q.Matches(buf[:n]) {
		return false
	}
	for w := wire.Walk(buf[:n]); w.Next(); {
		if w.Type == wire.TXT && w.End > w.Data && string(buf[w.Data+1:w.End]) == instance {
			return true
		}
	}
	return false
}
