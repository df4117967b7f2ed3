package hostnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tablePrefix begins the names of our tables. Behind it stands the number of the netlink
// socket that made it, which no other living socket of the network namespace has.
const tablePrefix = "neardns-"

// Mark is that of packets which the process sends to its own addresses to see whether it
// answers (SO_MARK, socket(7)): they are never tracked, so that kube-proxy does not send them
// elsewhere while queries are not intercepted. It shares no bit with the marks of kube-proxy.
const Mark = 0x35

// table holds the rules.
type table struct {
	conn  *netlink.Conn // never hears events: what nobody reads would fill it
	name  string
	owned bool // it goes with conn, and nobody else can change it
	cfg   *Config
	begun bool // it has taken questions
	probes
	outside []int // indexes of the devices that lead to other machines
}

// openTable makes a table with an owner, or else one without, and then says why. It also
// deletes those without that dead processes left.
func openTable(c *Config, p probes) (t *table, why string, err error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, "", noTable(err)
	}
	conn.SetOption(netlink.ExtendedAcknowledge, true)
	t = &table{conn, tablePrefix + strconv.FormatUint(uint64(conn.PID()), 10), true, c, false, p, nil}
	if err := sweep(conn); err != nil {
		conn.Close()
		return nil, "", noTable(err)
	}
	if err = unix.EINVAL; !c.ownerless {
		err = t.put()
	}
	if isAny(err, unix.EOPNOTSUPP, unix.EINVAL) { // before Linux 5.12
		why = "nf_tables: no table with an owner: " + err.Error()
		t.owned = false
		err = t.put()
	}
	if err != nil {
		conn.Close()
		return nil, "", noTable(err)
	}
	return t, why, nil
}

func noTable(err error) error {
	e := &Error{"nf_tables", err, remedy(err)}
	if isAny(err, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EINVAL, unix.EOPNOTSUPP, unix.ENOENT) {
		e.Remedy = "load the kernel modules nf_tables and nft_ct, or do without rules: -setupiptables=false"
	}
	return e
}

// mode is what Mode says of the table.
func (t *table) mode() string {
	if t.owned {
		return "owned"
	}
	return "timeout"
}

// put makes the table with everything in it that doesn't depend on interception.
func (t *table) put() error {
	b := &batch{table: t.name}
	b.addTable(t.owned)
	b.addSet(devices())
	for _, s := range probeSets(t.cfg.Addrs) {
		b.addSet(s)
	}
	t.fillProbes(b)
	b.addSet(outsideSet())
	t.fillOutside(b)
	all := sets(t.cfg.Addrs)
	for _, s := range all {
		b.addSet(s)
		if s.own {
			b.addElements(s, s.keys(t.cfg.Addrs)...)
			b.addSet(passing(s))
			b.addSet(begun(s))
			if t.begun {
				b.addElements(begun(s), s.keys(t.cfg.Addrs)...)
			}
		}
	}
	b.addChain("prerouting", unix.NF_INET_PRE_ROUTING)
	t.addGuard(b)
	t.addOutside(b, all)
	t.addRules(b, "prerouting", all)
	b.addChain("output", unix.NF_INET_LOCAL_OUT)
	t.addRules(b, "output", all)
	return b.commit(t.conn)
}

// indexKey is a device's index as the kernel compares it.
func indexKey(index int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(index)) }

// addRules adds those for questions and answers. What the host itself asks passes output as
// a question and again as an answer, and a pod's passes prerouting and then output.
func (t *table) addRules(b *batch, chain string, all []set) {
	for pair := range slices.Chunk(all, 2) {
		take, own := pair[0], pair[1]
		b.addRule(chain, marked(own)...)
		b.addRule(chain, goOn(t.cfg.Port, own)...)
		b.addRule(chain, noteAny(t.cfg.Port, own)...)
		b.addRule(chain, noteFirst(t.cfg.Port, take, own)...)
		b.addRule(chain, kept(t.cfg.Port, own)...)
		b.addRule(chain, match{unix.IPPROTO_TCP, t.cfg.Port, own}.exprs()...)
		for _, s := range pair {
			b.addRule(chain, match{unix.IPPROTO_UDP, t.cfg.Port, s}.exprs()...)
			if t.cfg.HealthPort != 0 {
				b.addRule(chain, match{unix.IPPROTO_TCP, t.cfg.HealthPort, s}.exprs()...)
			}
		}
	}
}

// take has the rules match questions for Lifetime. Elements are replaced, because before
// Linux 6.12 adding one that is there leaves it the time it had.
func (t *table) take() error { return t.fill(true) }

// release has the rules match no more questions.
func (t *table) release() error { return t.fill(false) }

// fill makes the table anew if it is gone. One without an owner goes when someone flushes the
// ruleset. One with an owner can go in a race of the kernel's: a socket that is closed gives
// its number back before tables of that number are deleted (netlink_release, then
// nft_rcv_nl_event), and our socket may have got the number in between.
func (t *table) fill(full bool) error {
	err := t.set(full)
	if errors.Is(err, unix.ENOENT) {
		if err = t.put(); err == nil {
			err = t.set(full)
		}
	}
	if err != nil {
		return fmt.Errorf("nf_tables: table inet %s: %w", t.name, err)
	}
	return nil
}

func (t *table) set(full bool) error {
	b := &batch{table: t.name}
	for _, s := range sets(t.cfg.Addrs) {
		if s.own {
			continue
		}
		b.flush(s)
		if full {
			b.addElements(s, s.keys(t.cfg.Addrs)...)
			b.addElements(begun(s), s.keys(t.cfg.Addrs)...)
		}
	}
	t.begun = t.begun || full
	return b.commit(t.conn)
}

// close deletes the table.
func (t *table) close() error {
	b := &batch{table: t.name}
	b.deleteTable(t.name)
	err := b.commit(t.conn)
	if errors.Is(err, unix.ENOENT) { // see fill
		err = nil
	}
	return errors.Join(err, t.conn.Close())
}
