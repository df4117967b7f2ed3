package hostnet

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// The addresses that probes come from are nobody's but ours: who sends from them, or to them, by
// another device than our TUN wants a probe to fail. Our own packets come in by the TUN, and the
// answers go out by it.

// probes is what probes come from.
type probes struct {
	index int // of the device that they come in by, or 0
	from  []netip.Addr
}

// probeSets hold the addresses that probes come from, of the families of addrs.
func probeSets(addrs []netip.Addr) (found []set) {
	if len(family(addrs, true)) > 0 {
		found = append(found, set{"probe4", 10, kindAddr4, 4, true})
	}
	if len(family(addrs, false)) > 0 {
		found = append(found, set{"probe6", 11, kindAddr6, 16, true})
	}
	return found
}

// addGuard adds the rules for what comes in by our TUN, and for what pretends to.
func (t *table) addGuard(b *batch) {
	b.addRule("prerouting", meta(unix.NFT_META_IIF), in(devices()), notrack(), accept())
	for _, s := range probeSets(t.cfg.Addrs) {
		for _, at := range []uint32{destination(s) - s.size, destination(s)} {
			b.addRule("prerouting", meta(unix.NFT_META_NFPROTO), equal(s.family()),
				payload(unix.NFT_PAYLOAD_NETWORK_HEADER, at, s.size), in(s), drop())
		}
	}
}

// fillProbes fills the sets of probes.
func (t *table) fillProbes(b *batch) {
	if t.probes.index == 0 {
		return
	}
	b.addElements(devices(), indexKey(t.probes.index))
	for _, s := range probeSets(t.cfg.Addrs) {
		b.addElements(s, s.keys(t.probes.from)...)
	}
}

// probeFrom has the rules know other probes.
func (t *table) probeFrom(p probes) error {
	t.probes = p
	b := &batch{table: t.name}
	b.flush(devices())
	for _, s := range probeSets(t.cfg.Addrs) {
		b.flush(s)
	}
	t.fillProbes(b)
	return b.commit(t.conn)
}
