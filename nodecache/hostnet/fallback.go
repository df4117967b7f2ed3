package hostnet

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/nodecache/hostnet/nft"
)

// fallbackTable is the only thing that outlives the process. All processes write the same table.
const fallbackTable = tablePrefix + "fallback"

// lookEvery is how often a Fallback looks whether its table is still there.
const lookEvery = 10 * time.Second

// Fallback sends queries to the addresses on to DNS servers while no process intercepts them. It is
// for addresses that only we know, such as a link-local one.
//
// Connection tracking translates a packet once. So servers must be the ones that answer, such as
// Pods, and no address that kube-proxy would translate again. What kube-proxy translates itself, it
// still does: its rules come first. A connection that is tracked already stays with its server.
// While queries are intercepted they are not tracked, so no NAT applies to them. When the address is
// gone, a packet to it still needs a route to somewhere; every node has a default route.
//
// For a query of the host itself, the kernel chooses the source address by that route, and not by
// the route to the server. With that source, the answer could come in by another device, where a
// filter of reverse paths drops it, or could not come at all. So the rules give the query the
// address of the device that it leaves by.
type Fallback struct {
	addrs []netip.Addr
	port  uint16

	mu      sync.Mutex // of all below
	conn    *nft.Conn
	servers []netip.AddrPort // of the last Set; see Set for a family that had none
	written bool             // the table has them
	looked  time.Time        // when the table was seen last
}

// OpenFallback returns a Fallback for a port of addrs. What an earlier Fallback has set stays until
// Set is called.
func OpenFallback(addrs []netip.Addr, port uint16) (*Fallback, error) {
	c, err := Config{Addrs: addrs, Port: port}.complete()
	if err != nil {
		return nil, err
	}
	conn, err := nft.Dial()
	if err != nil {
		return nil, noFallback(err)
	}
	return &Fallback{addrs: c.Addrs, port: c.Port, conn: conn}, nil
}

func noFallback(err error) error {
	f := &fault{"nf_tables", err, remedy(err)}
	if f.remedy == "" {
		f.remedy = "load the kernel modules nf_tables, nft_ct, nft_chain_nat, nft_nat, nft_masq, nft_numgen and nft_fib_inet, or do without -fallback"
	}
	return f
}

// Set sends queries to servers: each query to a random one of its own family. It changes all rules
// in one step, and nothing if the table has these servers already. If a family has no server any
// more, it keeps those that it had: stale servers may still answer. It is an error if an address has
// never had a server.
func (f *Fallback) Set(servers []netip.AddrPort) error {
	for _, s := range servers {
		if err := f.check(s); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	servers = f.keep(servers)
	if len(servers) == 0 {
		return nil
	}
	if !slices.Equal(servers, f.servers) || !f.written || !f.exists() {
		f.servers, f.looked = servers, time.Now()
		err := f.conn.SetFallback(fallbackTable, f.addrs, f.port, servers)
		if f.written = err == nil; err != nil {
			return noFallback(err)
		}
	}
	for _, a := range f.addrs {
		if !slices.ContainsFunc(servers, func(s netip.AddrPort) bool { return s.Addr().Is4() == a.Is4() }) {
			return &fault{"fallback of " + a.String(), errors.New("no server has an address of its family"),
				"give the cluster DNS's Pods an address of that family too, or leave this address out of -localip"}
		}
	}
	return nil
}

// check says why s can't be a server.
func (f *Fallback) check(s netip.AddrPort) error {
	a := s.Addr()
	if a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() &&
		!slices.Contains(f.addrs, a) && s.Port() != 0 {
		return nil
	}
	return &fault{"fallback server " + s.String(), errors.New("a pod's query can't be sent to it"), "name another in the forward directive"}
}

// keep returns servers, sorted, and the servers of the last Set whose family has none in servers.
func (f *Fallback) keep(servers []netip.AddrPort) []netip.AddrPort {
	kept := slices.Clone(servers)
	for _, old := range f.servers {
		if !slices.ContainsFunc(servers, func(s netip.AddrPort) bool { return s.Addr().Is4() == old.Addr().Is4() }) {
			kept = append(kept, old)
		}
	}
	slices.SortFunc(kept, netip.AddrPort.Compare)
	return slices.Compact(kept)
}

// exists reports whether the table exists. It looks every lookEvery, and if it can't, it says yes.
func (f *Fallback) exists() bool {
	if time.Since(f.looked) < lookEvery {
		return true
	}
	f.looked = time.Now()
	tables, err := f.conn.Tables()
	return err != nil || slices.ContainsFunc(tables, func(t nft.Listed) bool { return t.Name == fallbackTable })
}

// Close ends the Fallback and leaves its table where it is.
func (f *Fallback) Close() error { return f.conn.Close() }

// RemoveFallback deletes the table of a Fallback, if there is one, and the tables that dead
// processes have left.
func RemoveFallback() error {
	conn, err := nft.Dial()
	if err != nil {
		return noFallback(err)
	}
	defer conn.Close()
	if err := conn.Delete(fallbackTable); err != nil && !errors.Is(err, unix.ENOENT) {
		return noFallback(err)
	}
	return explain("nf_tables", sweepTables(conn))
}
