package nft

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Table is the table of a process that answers queries. Its methods must not be called at the same
// time.
type Table struct {
	conn    *Conn
	name    string
	rules   Rules
	probes  Probes
	outside []int // indexes of devices
	owned   bool
	begun   bool // Take has been called
}

// Probes says where probes come from, see package probe.
type Probes struct {
	Device int // the index of the TUN that they come in by, or 0
	From   []netip.Addr
}

// NewTable returns a Table that doesn't exist in the kernel yet. The Table closes c.
func NewTable(c *Conn, name string, r Rules, p Probes) *Table {
	return &Table{conn: c, name: name, rules: r, probes: p}
}

// Create makes the table; no query is taken yet. If the table is owned, nobody else can change it,
// and it goes when the Conn closes. Linux before 5.12 knows no owners, and then the error is
// unix.EOPNOTSUPP or unix.EINVAL.
func (t *Table) Create(owned bool) error {
	t.owned = owned
	return t.create()
}

func (t *Table) create() error {
	b := t.batch()
	b.addTable(t.owned)
	t.addSets(b)
	b.addChain("prerouting", unix.NF_INET_PRE_ROUTING)
	for _, r := range t.rules.guard() {
		b.addRule("prerouting", r)
	}
	if !t.rules.AnswerOutside {
		t.addOutside(b)
	}
	b.addChain("output", unix.NF_INET_LOCAL_OUT)
	for _, f := range t.rules.families() {
		for _, r := range t.rules.track(f) {
			b.addRule("prerouting", r)
			b.addRule("output", r)
		}
	}
	return b.commit(t.conn)
}

// addOutside adds the rules that keep other machines from our sockets.
func (t *Table) addOutside(b *batch) {
	b.addRule("prerouting", bypass())
	b.addChain("input", unix.NF_INET_LOCAL_IN)
	for _, f := range t.rules.families() {
		for _, r := range t.rules.refuse(f) {
			b.addRule("input", r)
		}
	}
}

func (t *Table) addSets(b *batch) {
	families := t.rules.families()
	b.addSet(probes())
	for _, f := range families {
		b.addSet(f.probe)
	}
	t.fillProbes(b)
	b.addSet(outside())
	b.addElements(outside(), deviceKeys(t.outside...)...)
	for _, f := range families {
		b.addSet(f.take)
		b.addSet(f.own)
		b.addElements(f.own, f.keys(t.rules.Addrs)...)
		b.addSet(f.pass)
		b.addSet(f.begun)
		if t.begun {
			b.addElements(f.begun, f.keys(t.rules.Addrs)...)
		}
	}
}

func (t *Table) fillProbes(b *batch) {
	if t.probes.Device == 0 {
		return
	}
	b.addElements(probes(), deviceKeys(t.probes.Device)...)
	for _, f := range t.rules.families() {
		b.addElements(f.probe, f.keys(t.probes.From)...)
	}
}

func (t *Table) batch() *batch { return &batch{table: t.name} }

// Take makes queries to the addresses ours for Rules.Lifetime, beginning now.
func (t *Table) Take() error { return t.fill(true) }

// Release gives queries back at once. Connections that we have stay with us.
func (t *Table) Release() error { return t.fill(false) }

// fill makes the table again if it is gone. One without an owner goes when someone flushes the
// ruleset. One with an owner can go by a race in the kernel: a socket that closes gives its number
// back before the kernel deletes the tables of that number (netlink_release, then
// nft_rcv_nl_event), and our socket may have got the number in between.
func (t *Table) fill(take bool) error {
	t.begun = t.begun || take
	err := t.tryFill(take)
	if errors.Is(err, unix.ENOENT) {
		if err = t.create(); err == nil {
			err = t.tryFill(take)
		}
	}
	if err != nil {
		return fmt.Errorf("nf_tables: table inet %s: %w", t.name, err)
	}
	return nil
}

// tryFill replaces the elements of the sets take, because before Linux 6.12 an element that is
// added again keeps the time that it had.
func (t *Table) tryFill(take bool) error {
	b := t.batch()
	for _, f := range t.rules.families() {
		b.flush(f.take)
		if take {
			b.addElements(f.take, f.keys(t.rules.Addrs)...)
			b.addElements(f.begun, f.keys(t.rules.Addrs)...)
		}
	}
	return b.commit(t.conn)
}

// SetProbes tells the rules where probes come from now.
func (t *Table) SetProbes(p Probes) error {
	t.probes = p
	b := t.batch()
	b.flush(probes())
	for _, f := range t.rules.families() {
		b.flush(f.probe)
	}
	t.fillProbes(b)
	return b.commit(t.conn)
}

// SetOutside tells the rules the indexes of the devices that lead to other machines. What comes in
// by such a device passes prerouting as if we were not here. If it then arrives at our sockets, it
// is dropped, unless Rules.AnswerOutside is set.
func (t *Table) SetOutside(devices []int) error {
	t.outside = devices
	b := t.batch()
	b.flush(outside())
	b.addElements(outside(), deviceKeys(devices...)...)
	if err := b.commit(t.conn); !errors.Is(err, unix.ENOENT) { // fill makes it again
		return err
	}
	return nil
}

// Close deletes the table and closes its Conn.
func (t *Table) Close() error {
	err := t.conn.Delete(t.name)
	if errors.Is(err, unix.ENOENT) { // see fill
		err = nil
	}
	return errors.Join(err, t.conn.Close())
}
