package corefile

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// Pos is a place in a file.
type Pos struct {
	File string
	Line int
}

// String returns FILE:LINE.
func (p Pos) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// Note is about something that was accepted but has no meaning here, or not all that it says.
// It is worth a log line.
type Note struct {
	Pos  Pos
	Text string
}

// String returns FILE:LINE: TEXT.
func (n Note) String() string { return n.Pos.String() + ": " + n.Text }

// Config is what a Corefile says. It is never changed once made.
type Config struct {
	Blocks []*Block
	Notes  []Note

	// Differences are what directives do here and not in CoreDNS 1.15.0.
	Differences []Note

	// Files are those whose content makes the configuration: the Corefile first, what it
	// imports, hosts files, files with servers, and those of TLS. A file may be named that
	// is not there.
	Files []string

	// Sum changes with anything but comments and layout in the Corefile and its imports,
	// and with the files of TLS. It leaves out hosts files, which Hosts.Reload is about,
	// and files with servers; see Forward.Endpoints.
	Sum [32]byte

	// The rest is the process's, whichever block has it.

	Reload *Reload // nil without the directive
	Health []Health
	Ready  []Ready
	Pprof  *Pprof // nil without the directive

	clusterDomain wire.Name
}

// Reload is how often a changed Corefile is looked for: every Interval, give or take half
// of Jitter, which is at most half of Interval.
type Reload struct{ Interval, Jitter time.Duration }

// Health is an address that answers /health, and for how long it goes on doing so, unhealthy,
// at the end.
type Health struct {
	Pos      Pos
	Addr     string
	Lameduck time.Duration
}

// Ready is an address that answers /ready. Unless Continuously, what was ready once stays so.
type Ready struct {
	Addr         string
	Continuously bool
}

// Pprof is an address that serves profiles. BlockRate is that of runtime.SetBlockProfileRate.
type Pprof struct {
	Pos       Pos
	Addr      string
	BlockRate int
}

// Prometheus is an address that serves metrics.
type Prometheus struct{ Addr string }

// PrometheusAddrs returns the addresses of all blocks, each once.
func (c *Config) PrometheusAddrs() []string {
	var addrs []string
	for _, b := range c.Blocks {
		if b.Prometheus != nil && !slices.Contains(addrs, b.Prometheus.Addr) {
			addrs = append(addrs, b.Prometheus.Addr)
		}
	}
	return addrs
}

// Block is a server block. What is nil or empty is not in it.
type Block struct {
	Pos   Pos
	Keys  []Key
	Binds []Bind // none: all addresses

	Cache      *Cache
	Forwards   []*Forward // asked in this order, each for the names below its From
	Hosts      *Hosts
	Errors     *querylog.Errors
	Log        querylog.Filter
	Prometheus *Prometheus
	IPv4Only   []wire.Name // zones in which AAAA is NODATA, whatever upstream has
	Bufsize    uint16      // the most that is said to upstream of our UDP size, in bytes; 0 without the directive
	Loop       bool
	Debug      bool
}

// Key is one of a block's zones, in lower case, and the port it is served on. Port 0 is any
// that is free.
type Key struct {
	Zone wire.Name
	Port uint16
}

// Zones returns the zones of all keys, each once.
func (b *Block) Zones() []wire.Name {
	var zones []wire.Name
	for _, k := range b.Keys {
		zones = appendNew(zones, k.Zone)
	}
	return zones
}

// appendNew appends a name unless it is there.
func appendNew(zones []wire.Name, zone wire.Name) []wire.Name {
	if slices.ContainsFunc(zones, zone.Equal) {
		return zones
	}
	return append(zones, zone)
}

// Bind is an address to listen on, or all those of an interface but Except.
type Bind struct {
	Pos       Pos
	Addr      netip.Addr // not valid with Interface
	Interface string
	Except    []Bind
}

// String returns the address or the interface's name.
func (b Bind) String() string {
	if b.Interface != "" {
		return b.Interface
	}
	return b.Addr.String()
}

// is reports whether two binds name the same address or interface.
func (b Bind) is(o Bind) bool { return b.Addr == o.Addr && b.Interface == o.Interface }
