package forward

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

// lookAgain is the time between two looks at files with servers and at hosts' names. One look at a
// host's name may take as long.
const lookAgain = 5 * time.Second

// mayChange reports whether servers stand in files or behind names.
func mayChange(conf *corefile.Forward) bool {
	return slices.ContainsFunc(conf.To, func(t corefile.To) bool { return t.File != "" || t.Host != "" })
}

// lookUp returns the servers that conf names as of now.
func lookUp(ctx context.Context, conf *corefile.Forward) ([]upstream.Endpoint, error) {
	servers, err := conf.Endpoints(func(host string) ([]netip.Addr, error) { return lookUpHost(ctx, conf.Resolvers, host) })
	if err == nil && len(servers) == 0 {
		err = errors.New("no server is named")
	}
	return servers, err
}

// lookUpHost asks resolvers in turn for a host's addresses, or the system's where there are none.
// The addresses are sorted: servers change their order from answer to answer.
func lookUpHost(ctx context.Context, resolvers []netip.AddrPort, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	r := net.Resolver{}
	if n := len(resolvers); n > 0 {
		var turn atomic.Uint32 // queries for A and AAAA are sent at the same time
		r.PreferGo = true
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, resolvers[int(turn.Add(1))%n].String())
		}
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, err
}
