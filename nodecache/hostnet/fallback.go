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

// fallbackTable is the one thing that outlives the process. All processes write the same.
const fallbackTable = tablePrefix + "fallback"

// lookEvery is how often a Fallback looks whether its table is still there.
const lookEvery = 10 * time.Second

// Fallback sends what goes to the addresses on to DNS servers while no process intercepts it:
// for an address that only we know, such as a link-local one. Connection tracking translates a
// packet once, so servers are those that answer, such as Pods, and no address that kube-proxy
// would translate again. What kube-proxy translates itself, it still does: its rules go first.
// What is tracked already stays with its server. While queries are intercepted they are not
// tracked, and no NAT applies to them. Without the address, a packet still needs a route to
// somewhere, as any node has.
//
// The host itself chooses where its query comes from by that route, and not by the one to the
// server. So it is sent from the address of the device that it leaves by, or answers could
// come by another one, where a filter of reverse paths drops them, or not at all.
type Fallback struct {
	addrs []netip.Addr
	port  uint16

	mu      sync.Mutex // of what follows
	conn    *netlink.Conn
	servers []netip.AddrPort // of the last Set, and of a family that it had none of, the last ones
	written bool             // the table has them
	looked  time.Time
}

// OpenFallback returns a Fallback for a port of addrs. What an earlier one has set stays until
// Set is called.
func OpenFallback(addrs []netip.Addr, port uint16) (*Fallback, error) {
	c, err := Config{Addrs: addrs, Port: port}.complete()
	if err != nil {
		return nil, err
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, noFallback(err)
	}
	conn.SetOption(netlink.ExtendedAcknowledge, true)
	return &Fallback{addrs: c.Addrs, port: c.Port, conn: conn}, nil
}

func noFallback(err error) error {
	known := &Error{"nf_tables", err, remedy(err)}
	if known.Remedy == "" {
		known.Remedy = "load the kernel modules nf_tables, nft_ct, nft_chain_nat, nft_nat, nft_masq, nft_numgen and nft_fib_inet, or do without -fallback"
	}
	return known
}

// Set sends queries to servers, each to one by chance, of its own family. It changes all at
// once, and nothing if the table has them already. A family that servers has none of keeps
// those it had: stale servers may still answer, none can't. It is an error if there never
// were any for an address.
func (r *Fallback) Set(servers []netip.AddrPort) error {
	for _, s := range servers {
		if err := r.check(s); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	servers = r.keep(servers)
	if len(servers) == 0 {
		return nil
	}
	if !slices.Equal(servers, r.servers) || !r.written || !r.there() {
		r.servers, r.looked = servers, time.Now()
		err := r.put()
		if r.written = err == nil; err != nil {
			return noFallback(err)
		}
	}
	for _, a := range r.addrs {
		if len(r.of(a)) == 0 {
			return &Error{"fallback of " + a.String(), errors.New("no server has an address of its family"),
				"let Pods know an address of another family too, or leave this one out of -localip"}
		}
	}
	return nil
}

// check says why s can't be a server.
func (r *Fallback) check(s netip.AddrPort) error {
	a := s.Addr()
	if a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() &&
		!slices.Contains(r.addrs, a) && s.Port() != 0 {
		return nil
	}
	return &Error{"fallback server " + s.String(), errors.New("not one that a pod's query can be sent to"), "name another in the forward directive"}
}

// keep returns servers, sorted, and those of the last Set of a family that they are not of.
func (r *Fallback) keep(servers []netip.AddrPort) []netip.AddrPort {
	kept := slices.Clone(servers)
	for _, old := range r.servers {
		if !slices.ContainsFunc(servers, func(s netip.AddrPort) bool { return s.Addr().Is4() == old.Addr().Is4() }) {
			kept = append(kept, old)
		}
	}
	slices.SortFunc(kept, netip.AddrPort.Compare)
	return slices.Compact(kept)
}

// of returns the servers for an address.
func (r *Fallback) of(a netip.Addr) []netip.AddrPort {
	return slices.DeleteFunc(slices.Clone(r.servers), func(s netip.AddrPort) bool { return s.Addr().Is4() != a.Is4() })
}

// there reports whether the table is there, as of a while ago at most.
func (r *Fallback) there() bool {
	if time.Since(r.looked) < lookEvery {
		return true
	}
	r.looked = time.Now()
	found := false
	tables, err := listTables(r.conn)
	for _, t := range tables {
		name, _ := readTable(t.Data)
		found = found || name == fallbackTable
	}
	return found || err != nil
}

// put replaces the rules in one step.
func (r *Fallback) put() error {
	b := &batch{table: fallbackTable}
	b.emptyTable()
	b.addNATChain("prerouting", unix.NF_INET_PRE_ROUTING, priorityDNAT)
	b.addNATChain("output", unix.NF_INET_LOCAL_OUT, priorityDNAT)
	b.addNATChain("postrouting", unix.NF_INET_POST_ROUTING, prioritySNAT)
	for _, a := range r.addrs {
		to, servers := netip.AddrPortFrom(a, r.port), r.of(a)
		for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			for i, s := range servers {
				b.addRule("prerouting", translate(protocol, to, s, len(servers)-i)...)
				b.addRule("output", translate(protocol, to, s, len(servers)-i)...)
			}
			b.addRule("postrouting", masquerade(protocol, to)...)
		}
	}
	return b.commit(r.conn)
}

// Close forgets the table, and leaves it where it is.
func (r *Fallback) Close() error { return r.conn.Close() }

// RemoveFallback deletes the table, if there is one, and those that dead processes left.
func RemoveFallback() error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return noFallback(err)
	}
	defer conn.Close()
	conn.SetOption(netlink.ExtendedAcknowledge, true)
	b := &batch{}
	b.deleteTable(fallbackTable)
	if err := b.commit(conn); err != nil && !errors.Is(err, unix.ENOENT) {
		return noFallback(err)
	}
	return explain("nf_tables", sweep(conn))
}

// HasIPVS reports whether kube-proxy runs in IPVS mode. It translates where packets come in,
// behind all NAT, so that a ClusterIP can then be a server of a Fallback.
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
