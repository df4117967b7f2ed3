package upstream

import (
	"crypto/tls"
	"net/netip"
	"syscall"
	"time"

	"github.com/neardns/neardns/internal/clock"
)

// Scope separates queries that must not wait for one another.
type Scope uint8

// Names of the cluster domain are answered from memory. Other names may be slow, and many
// servers answer a connection in order, so each scope has connections of its own.
const (
	Cluster Scope = iota
	Other
	scopes
)

// Proto is how a server is asked.
type Proto uint8

// The protocols. UDP turns to TCP where an answer is truncated.
const (
	UDP Proto = iota
	TCP
	TLS // RFC 7858
)

// Endpoint is a server. It is comparable: equal endpoints are one server.
type Endpoint struct {
	Addr       netip.AddrPort
	Proto      Proto
	ServerName string // for TLS; empty for Config.TLS.ServerName, or else the address
}

// Policy says in which order healthy servers are asked.
type Policy uint8

// The policies of CoreDNS's forward.
const (
	Random Policy = iota
	RoundRobin
	Sequential // the next server only where the one before failed
)

// Config is how a Forward works. Zero values stand for the defaults in parentheses.
type Config struct {
	// Servers are asked. Where Name is set, they tell what stands at Name, and are asked
	// only where none of the servers found there can be.
	Servers []Endpoint

	// Name is the DNS name, dots and all, of a headless Service whose endpoints are the
	// servers, and Port (53) theirs. Refresh (15 s) is the least time between two looks.
	Name    string
	Port    uint16
	Refresh time.Duration

	// Node names this node, best by its IP address. Subset (0: all of them; 3 with Name)
	// is how many of the servers this node keeps to; see choose.
	Node   string
	Subset int

	Policy Policy

	// MaxConns (4) bounds the connections to one server. Reserve (1; negative for none) of
	// them are kept for the Cluster scope, and one for Other; the rest is whose need it is. A
	// server that closes each after a few answers may have more, see allowance.
	MaxConns int
	Reserve  int

	// Shares (one of its own) is given to Forwards that may ask the same servers: MaxConns is
	// for all of them together, but each may have one.
	Shares *Shares

	IdleTimeout time.Duration // (10 s) a connection's, without a query; `expire`
	MaxAge      time.Duration // (5 min; negative for none) a connection's, give or take a quarter; `max_age`
	ReadTimeout time.Duration // (2 s) how long one server may take; `read_timeout`
	Timeout     time.Duration // (twice ReadTimeout) how long one Exchange may take

	// Hedge (100 ms; negative for never) is how long an answer may take before another
	// server is asked too. Where the usual answer takes longer than a third of it, so does Hedge.
	Hedge time.Duration

	MaxAsks       int // (twice the servers, 3 at least; see owe) asks per Exchange, at most 32; `max_connect_attempts`
	MaxConcurrent int // (0: no limit) Exchanges at a time; `max_concurrent`

	// A server that failed is checked every CheckInterval (0.5 s) until it answers. After
	// more than MaxFails (2) failed checks in a row it is down. Negative MaxFails: servers
	// are neither checked nor passed over. FailFast: ask none rather than a random one where
	// all are down. CheckName (the root) is asked for its NS records, with RD unless
	// CheckNoRecurse, and in turn newProbe's question, and the first one without an OPT record.
	MaxFails       int
	CheckInterval  time.Duration
	CheckName      string
	CheckNoRecurse bool
	FailFast       bool

	Failover []uint8 // RCODEs, other than 0, on which the next server is asked; `failover`

	TLS     *tls.Config                                            // for endpoints with TLS; not changed
	Source  netip.Addr                                             // local address; `source_address`
	Control func(network, address string, c syscall.RawConn) error // as net.Dialer's

	Clock *clock.Clock // (one of its own, which does not know when the machine slept)
	Trace Trace
}

// Trace tells what a Forward does, for metrics and logs. Its functions are called from the
// goroutine at work and must return at once. Each may be nil.
type Trace struct {
	// Asked: a query went to a server, over UDP or not, on a connection that was there or not.
	Asked func(server Endpoint, udp, reused bool)
	// Answered: the answer that an Exchange returned, its RCODE, and the time since that server was asked.
	Answered func(server Endpoint, rcode uint8, took time.Duration)
	// Hedged: a server was asked while another one still had time.
	Hedged func(server Endpoint)
	// Opened and Closed: a connection; err is why.
	Opened func(server Endpoint, scope Scope)
	Closed func(server Endpoint, scope Scope, err error)
	// Changed: a server went out, because of err, or came back, and err is nil.
	Changed func(server Endpoint, err error)
	// CheckFailed: a health check.
	CheckFailed func(server Endpoint)
	// AllDown: a query found every server down.
	AllDown func()
	// Rejected: MaxConcurrent Exchanges were under way.
	Rejected func()
	// Followed: the servers found at Config.Name changed.
	Followed func(servers []netip.AddrPort)
	// FollowFailed: they could not be looked up.
	FollowFailed func(err error)
}

// Defaults that others tell users about; see Config.
const (
	DefaultMaxConns      = 4
	DefaultIdleTimeout   = 10 * time.Second
	DefaultCheckInterval = 500 * time.Millisecond
	DefaultHedge         = 100 * time.Millisecond
)

// MaxAsks is the most that Config.MaxAsks can be.
const MaxAsks = 32

const (
	minAsks  = 3 // a lone server may have closed a connection just as it was used
	tick     = 250 * time.Millisecond
	checkFor = time.Second // CoreDNS's time-out of a health check
)

// withDefaults returns c with every zero value replaced that stands for another one.
func (c Config) withDefaults() Config {
	setDefault(&c.MaxConns, DefaultMaxConns)
	setDefault(&c.Reserve, 1)
	if c.Shares == nil {
		c.Shares = new(Shares)
	}
	if c.Clock == nil {
		c.Clock = clock.New()
	}
	setDefault(&c.Port, 53)
	setDefault(&c.Refresh, 15*time.Second)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.MaxAge, 5*time.Minute)
	setDefault(&c.ReadTimeout, 2*time.Second)
	setDefault(&c.Timeout, 2*c.ReadTimeout)
	setDefault(&c.Hedge, DefaultHedge)
	setDefault(&c.MaxFails, 2)
	setDefault(&c.CheckInterval, DefaultCheckInterval)
	setDefault(&c.CheckName, ".")
	if c.Name != "" {
		setDefault(&c.Subset, 3)
	}
	c.Reserve = min(max(c.Reserve, 0), c.MaxConns-1)
	return c
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// scope returns the scope that serves for another: without a reserve, Other serves for all.
func (c *Config) scope(scope Scope) Scope {
	if scope != Cluster || c.Reserve == 0 {
		return Other
	}
	return Cluster
}
