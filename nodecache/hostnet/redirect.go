package hostnet

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// redirectTable is the one thing that outlives the process. All processes write the same.
const redirectTable = tablePrefix + "fallback"

// lookEvery is how often a Redirect looks whether its table is still there.
const lookEvery = 10 * time.Second

// Redirect sends what goes to the addresses on to DNS servers while no process intercepts it:
// for an address that only we know, such as a link-local one. Connection tracking translates
// a packet once, so servers are those that answer, such as Pods, and no address that
// kube-proxy would translate again. What kube-proxy translates itself, it still does: its
// rules go first. While queries are intercepted they are not tracked, and no NAT applies to
// them. Without the address, a packet still needs a route to somewhere, as any node has.
type Redirect struct {
	addrs []netip.Addr
	port  uint16

	mu      sync.Mutex // of what follows
	conn    *netlink.Conn
	servers []netip.AddrPort // what the table has
	looked  time.Time
}

// OpenRedirect returns a Redirect for a port of addrs. What an earlier one has set stays until
// Set is called.
func OpenRedirect(addrs []netip.Addr, port uint16) (*Redirect, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, noTable(err)
	}
	conn.SetOption(netlink.ExtendedAcknowledge, true)
	return &Redirect{addrs: slices.Clone(addrs), port: port, conn: conn}, nil
}

// Set sends queries to servers, each to one by chance, of its own family. It changes all at
// once, and nothing if the table has them already. An empty list changes nothing: stale
// servers may still answer, none can't.
func (r *Redirect) Set(servers []netip.AddrPort) error {
	servers = slices.Clone(servers)
	slices.SortFunc(servers, netip.AddrPort.Compare)
	for _, s := range servers {
		if a := s.Addr(); !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || slices.Contains(r.addrs, a) || s.Port() == 0 {
			return &Error{"fallback server " + s.String(), errors.New("not one that a pod's query can be sent to"), "name another in the forward directive"}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(servers) == 0 || slices.Equal(servers, r.servers) && r.there() {
		return nil
	}
	if err := r.put(servers); err != nil {
		r.servers = nil
		return noTable(err)
	}
	r.servers, r.looked = servers, time.Now()
	return nil
}

// there reports whether the table is there, as of a while ago at most.
func (r *Redirect) there() bool {
	if time.Since(r.looked) < lookEvery {
		return true
	}
	r.looked = time.Now()
	found := false
	tables, err := listTables(r.conn)
	for _, t := range tables {
		name, _ := readTable(t.Data)
		found = found || name == redirectTable
	}
	return found || err != nil
}

// put replaces the table in one step.
func (r *Redirect) put(servers []netip.AddrPort) error {
	b := &batch{table: redirectTable}
	b.replaceTable()
	for _, c := range []struct {
		name string
		hook uint32
	}{{"prerouting", unix.NF_INET_PRE_ROUTING}, {"output", unix.NF_INET_LOCAL_OUT}} {
		b.addNATChain(c.name, c.hook)
		for _, a := range r.addrs {
			same := slices.DeleteFunc(slices.Clone(servers), func(s netip.AddrPort) bool { return s.Addr().Is4() != a.Is4() })
			for i, s := range same {
				for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
					b.addRule(c.name, translate(protocol, netip.AddrPortFrom(a, r.port), s, len(same)-i)...)
				}
			}
		}
	}
	return b.commit(r.conn)
}

// Close forgets the table, and leaves it where it is.
func (r *Redirect) Close() error { return r.conn.Close() }

// RemoveRedirect deletes the table, if there is one, and those that dead processes left.
func RemoveRedirect() error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return noTable(err)
	}
	defer conn.Close()
	conn.SetOption(netlink.ExtendedAcknowledge, true)
	b := &batch{}
	b.deleteTable(redirectTable)
	if err := b.commit(conn); err != nil && !errors.Is(err, unix.ENOENT) {
		return noTable(err)
	}
	return explain("nf_tables", sweep(conn))
}

// HasIPVS reports whether kube-proxy runs in IPVS mode. It translates where packets come in,
// behind all NAT, so that a ClusterIP can then be a server of a Redirect.
func HasIPVS() (bool, error) {
	r, err := openRoute(0)
	if err != nil {
		return false, err
	}
	defer r.Close()
	all, err := r.links()
	for _, l := range all {
		if l.name == ipvsDevice {
			return true, nil
		}
	}
	return false, err
}
