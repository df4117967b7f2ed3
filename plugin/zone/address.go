package zone

import (
	"bytes"
	"net/netip"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// holder says that a Service holds an address, as its cluster IP or at its endpoints.
type holder struct {
	addr   [16]byte
	entry  *entry
	slices int32 // how many of the Service's slices list the address
	vip    bool  // the address is a cluster IP
}

// less orders holders by address, a cluster IP before endpoints, then by Service.
func (h holder) less(o holder) bool {
	if c := bytes.Compare(h.addr[:], o.addr[:]); c != 0 {
		return c < 0
	}
	if h.vip != o.vip {
		return h.vip
	}
	if h.entry == o.entry || h.entry == nil || o.entry == nil {
		return h.entry == nil && o.entry != nil
	}
	return h.entry.key.less(o.entry.key)
}

// addresses leads from an address to the Services that hold it. It is ordered, so that it
// can also tell whether any address lies below a reverse name.
//
// The writer changes its tree and publishes a copy, which shares all nodes but those that
// a later change touches.
type addresses struct {
	tree      *btree.BTreeG[holder]
	published atomic.Pointer[btree.BTreeG[holder]]
}

func newAddresses() *addresses {
	a := &addresses{tree: btree.NewBTreeGOptions(holder.less, btree.Options{NoLocks: true})}
	a.publish()
	return a
}

// publish shows readers what the writer changed.
func (a *addresses) publish() { a.published.Store(a.tree.Copy()) }

// setVIP records that e has the cluster IP addr.
func (a *addresses) setVIP(addr netip.Addr, e *entry) {
	a.tree.Set(holder{addr: addr.As16(), entry: e, vip: true})
}

// removeVIP undoes setVIP.
func (a *addresses) removeVIP(addr netip.Addr, e *entry) {
	a.tree.Delete(holder{addr: addr.As16(), entry: e, vip: true})
}

// acquire records that one more slice of e lists addr, and returns how many now do.
func (a *addresses) acquire(addr netip.Addr, e *entry) int32 {
	h, ok := a.tree.Get(holder{addr: addr.As16(), entry: e})
	if !ok {
		h = holder{addr: addr.As16(), entry: e}
	}
	h.slices++
	a.tree.Set(h)
	return h.slices
}

// release undoes one acquire, and returns how many slices still list addr.
func (a *addresses) release(addr netip.Addr, e *entry) int32 {
	h, ok := a.tree.Get(holder{addr: addr.As16(), entry: e})
	if !ok {
		return 0
	}
	if h.slices--; h.slices == 0 {
		a.tree.Delete(h)
	} else {
		a.tree.Set(h)
	}
	return h.slices
}

// from yields the published holders, ascending, that lie at or after addr.
func (a *addresses) from(addr [16]byte, yield func(holder) bool) {
	a.published.Load().Ascend(holder{addr: addr, vip: true}, yield)
}
