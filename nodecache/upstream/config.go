package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/neardns/neardns/internal/clock"
)

// Scope separates queries that must not wait for one another.
type Scope uint8

// Servers answer names of the cluster domain from memory. Other names may be slow, and many
// servers answer the queries of a connection in order. So each scope has connections of its own.
const (
	Cluster Scope = iota
	Other
	scopes
)

// Proto is how a server is asked.
type Proto uint8

// The protocols. If an answer over UDP is truncated, the query is asked again over TCP.
const (
	UDP Proto = iota
	TCP
	TLS // RFC 7858
)

// Endpoint is a server. It is comparable: equal endpoints are one server.
type Endpoint struct {
	Addr       netip.AddrPort
	Proto      Proto
	ServerName string // for TLS; if empty, Config.TLS.ServerName counts, or else the address
}

// appendName appends the address, with its port where that is not DNS's own.
func (e Endpoint) appendName(dst []byte) []byte {
	if e.Addr.Port() == 53 {
		return e.Addr.Addr().AppendTo(dst)
	}
	return e.Addr.AppendTo(dst)
}

// Policy says in which order healthy servers are asked.
type Policy uint8

// The policies of CoreDNS's forward.
const (
	Random Policy = iota
	RoundRobin
	Sequential // the next server is asked only if the one before has failed
)

// Defaults of a Config that others tell users about.
const (
	DefaultMaxConns      = 4
	DefaultIdleTimeout   = 10 * time.Second
	DefaultCheckInterval = 500 * time.Millisecond
	DefaultHedge         = 100 * time.Millisecond
)

// MaxAsks is the most that Config.MaxAsks can be.
const MaxAsks = 32

// Config is how a Forward works. A zero value stands for the default in parentheses.
type Config struct {
	// Servers are asked. If Name is set, they are asked which servers stand at Name, and are
	// otherwise asked only while none of the servers found there can be.
	Servers []Endpoint

	// Name is the DNS name, dots and all, of a headless Service. Its endpoints are the servers,
	// on Port (53). Refresh (15 s) is the shortest time between two look-ups.
	Name    string
	Port    uint16
	Refresh time.Duration

	// Node names this node, best by its IP address. Subset (3 with Name, else 0: all) is how
	// many of the servers this node uses; see choose.
	Node   string
	Subset int

	Policy Policy

	// MaxConns (4) bounds the connections to one server. Reserve (1; negative: none) of
	// them are kept for the Cluster scope, and one for Other. Either scope may take the rest. A
	// server that closes each connection after a few answers may have more; see allowance.
	MaxConns int
	Reserve  int

	// Shares (one of its own) is common to all Forwards that may ask the same servers. Together
	// they have MaxConns connections to a server, but each may have one.
	Shares *Shares

	IdleTimeout time.Duration // (10 s) how long a connection stays open without a query; `expire`
	MaxAge      time.Duration // (5 min; negative: for ever) how long a connection is used, give or take a quarter; `max_age`
	ReadTimeout time.Duration // (2 s) how long one server may take; `read_timeout`
	Timeout     time.Duration // (twice ReadTimeout) how long one Exchange may take

	// Hedge (100 ms; negative: never) is how long an answer may take before another server is
	// asked too. If the median answer takes longer than a third of that, Hedge is three times
	// the median.
	Hedge time.Duration

	MaxAsks       int // (twice the number of servers, at least 3; see owe) how often an Exchange asks, at most 32; `max_connect_attempts`
	MaxConcurrent int // (0: no limit) how many Exchanges run at a time; `max_concurrent`

	// A server that failed gets a health check every CheckInterval (0.5 s) until it answers. It
	// is down once more than MaxFails (2) checks in a row failed. With a negative MaxFails,
	// servers are neither checked nor passed over. If all servers are down, a random one is
	// asked, or with FailFast none. A check asks for the NS records of CheckName (the root), with
	// RD unless CheckNoRecurse. It takes turns with two others; see checks.
	MaxFails       int
	CheckInterval  time.Duration
	CheckName      string
	CheckNoRecurse bool
	FailFast       bool

	Failover []uint8 // RCODEs other than 0 after which the next server is asked; `failover`

	TLS     *tls.Config                                            // for endpoints with TLS; it is not changed
	Source  netip.Addr                                             // the local address; `source_address`
	Control func(network, address string, c syscall.RawConn) error // as in net.Dialer

	Clock *clock.Clock // (one of its own, which does not notice when the machine slept)
	Trace Trace

	// dial (nil) opens connections in place of TCP: those of tests, to servers in memory.
	dial func(ctx context.Context, server Endpoint) (net.Conn, error)
}

// Trace reports what a Forward does, for metrics and logs. The goroutine at work calls its
// functions, so they must return at once. Each may be nil.
type Trace struct {
	// Asked: a query was sent to a server, over UDP or not. reused tells whether it went over a
	// connection that was already there.
	Asked func(server Endpoint, udp, reused bool)
	// Answered: an Exchange returned this server's answer, with this RCODE, took after the
	// server was asked.
	Answered func(server Endpoint, rcode uint8, took time.Duration)
	// Hedged: a server was asked while another one still had time to answer.
	Hedged func(server Endpoint)
	// Opened and Closed: a connection was opened, and was closed because of err.
	Opened func(server Endpoint, scope Scope)
	Closed func(server Endpoint, scope Scope, err error)
	// Changed: a server went out because of err, or with a nil err came back.
	Changed func(server Endpoint, err error)
	// CheckFailed: a health check failed.
	CheckFailed func(server Endpoint)
	// AllDown: a query found every server down.
	AllDown func()
	// Rejected: a query was refused because MaxConcurrent Exchanges were under way.
	Rejected func()
	// Followed: the servers found at Config.Name changed.
	Followed func(servers []netip.AddrPort)
	// FollowFailed: the servers at Config.Name could not be looked up.
	FollowFailed func(err error)
}

const (
	minAsks  = 3 // a single server may have closed a connection just as it was used
	tick     = 250 * time.Millisecond
	checkFor = time.Second // CoreDNS's time-out of a health check
)

// withDefaults returns c with the defaults in place of zero values.
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

// scope returns the scope whose connections a query of that scope uses: without a reserve, all
// queries use those of Other.
func (c *Config) scope(scope Scope) Scope {
	if scope != Cluster || c.Reserve == 0 {
		return Other
	}
	return Cluster
}

// Errors of Exchange. All but errQuery and ErrBusy mean that no server answered.
var (
	errQuery    = errors.New("upstream: the query has no valid name, or more than 65,535 bytes")
	errNoServer = errors.New("upstream: no server to ask")
	errTimeout  = errors.New("upstream: no answer in time")
	ErrBusy     = errors.New("upstream: too many queries at a time")
	ErrClosed   = errors.New("upstream: closed")
)

// Why a connection ended, if it did not end by an error of the network.
var (
	errIdle    = errors.New("idle")
	errOld     = errors.New("aged out")
	errSilent  = errors.New("silent")
	errGarbage = errors.New("garbage")
	errRemoved = errors.New("server removed")
)

// opError is what went wrong between us and one server.
type opError struct {
	Op     string // dial, read, write, receive, check, close
	Server Endpoint
	Err    error
}

func (e *opError) Error() string {
	return "upstream: " + e.Op + " " + e.Server.Addr.String() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *opError) Unwrap() error { return e.Err }
