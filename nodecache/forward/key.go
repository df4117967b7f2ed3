package forward

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Key tells Forwards apart by all that matters to their servers: one Forward can serve all
// directives that have the same Key.
type Key struct {
	to, resolvers, failover string // lists, as text
	tls                     [sha256.Size]byte

	name, checkName             string
	port                        uint16
	source                      netip.Addr
	policy                      upstream.Policy
	subset                      int
	maxConns, reserve           int
	maxAsks, maxConcurrent      int
	maxFails                    int
	refresh, idle, maxAge       time.Duration
	read, timeout, hedge, check time.Duration
	checkNoRecurse, failFast    bool
}

// KeyOf returns the Key of a directive.
func KeyOf(f *corefile.Forward) Key {
	u := &f.Upstream
	return Key{
		to: fmt.Sprintf("%+v", f.To), resolvers: fmt.Sprint(f.Resolvers), failover: string(u.Failover), tls: f.TLS,
		name: u.Name, port: u.Port, refresh: u.Refresh, subset: u.Subset, source: u.Source, policy: u.Policy,
		maxConns: u.MaxConns, reserve: u.Reserve, idle: u.IdleTimeout, maxAge: u.MaxAge, read: u.ReadTimeout, timeout: u.Timeout,
		hedge: u.Hedge, maxAsks: u.MaxAsks, maxConcurrent: u.MaxConcurrent, maxFails: u.MaxFails, failFast: u.FailFast,
		check: u.CheckInterval, checkName: u.CheckName, checkNoRecurse: u.CheckNoRecurse,
	}
}
