package corefile

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Pos is a place in a file.
type Pos struct {
	File string
	Line int // from 1
}

// String returns FILE:LINE.
func (p Pos) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// Note is about a line that is accepted, but does nothing here, or does not do what it seems to
// say. It is worth a log line.
type Note struct {
	Pos  Pos
	Text string
}

// String returns FILE:LINE: TEXT.
func (n Note) String() string { return n.Pos.String() + ": " + n.Text }

// Config is what a Corefile says. It never changes once it is made.
type Config struct {
	Blocks []*Block
	Notes  []Note

	// Differences are what directives do here and not in CoreDNS 1.15.0.
	Differences []Note

	// Files are all files whose content makes the configuration: the Corefile first, its
	// imports, hosts files, files that name servers, and files of TLS. Some may not exist.
	Files []string

	// Sum changes with the words of the Corefile and its imports, but not with their comments
	// and layout. It also changes with the files of TLS. It does not change with hosts files
	// (see Hosts.Reload), nor with files that name servers (see Forward.Endpoints).
	Sum [32]byte

	// The directives of the process, whichever block they stand in.

	Reload *Reload // nil without the directive
	Health []Health
	Ready  []Ready
	Pprof  *Pprof // nil without the directive

	clusterDomain wire.Name
}

// Reload is how often to look for a changed Corefile: every Interval, plus or minus up to half
// of Jitter. Jitter is at most half of Interval.
type Reload struct{ Interval, Jitter time.Duration }

// Health is an address that answers /health. When the process stops, it answers for Lameduck
// that it is unhealthy.
type Health struct {
	Pos      Pos
	Addr     string
	Lameduck time.Duration
}

// Ready is an address that answers /ready. Unless Continuously, what was ready once counts as
// ready from then on.
type Ready struct {
	Addr         string
	Continuously bool
}

// Pprof is an address that serves profiles. BlockRate is that of runtime.SetBlockProfileRate.
type Pprof struct {
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

// addFile adds a file to Files.
func (c *Config) addFile(path string) {
	if !slices.Contains(c.Files, path) {
		c.Files = append(c.Files, path)
	}
}

// ClusterZones returns the cluster domain, and after it the reverse zones that the Corefile
// sends to the same servers.
func (c *Config) ClusterZones() []wire.Name {
	zones := []wire.Name{c.clusterDomain}
	to := c.clusterForward()
	if to == nil {
		return zones
	}
	for _, b := range c.Blocks {
		for _, f := range b.Forwards {
			if slices.ContainsFunc(f.To, to.has) {
				zones = appendReverse(zones, f.within(b))
			}
		}
	}
	return zones
}

// clusterForward returns the forward that is asked for the cluster domain, nil if there is none.
func (c *Config) clusterForward() *Forward {
	if b := c.blockOf(c.clusterDomain); b != nil {
		return b.forwardOf(c.clusterDomain)
	}
	return nil
}

// blockOf returns the block with the longest zone that n is in, whatever its port. Of two, it
// returns the first.
func (c *Config) blockOf(n wire.Name) (best *Block) {
	longest := 0
	for _, b := range c.Blocks {
		for _, k := range b.Keys {
			if len(k.Zone) > longest && n.Below(k.Zone) {
				best, longest = b, len(k.Zone)
			}
		}
	}
	return best
}

// checkOverlap finds two blocks that would get the same queries.
func (c *Config) checkOverlap() error {
	var all []served
	for _, b := range c.Blocks {
		for _, k := range b.Keys {
			for _, s := range b.served(k) {
				i := slices.IndexFunc(all, s.overlaps)
				if i >= 0 && all[i].block == b {
					return fmt.Errorf("%s: %s is named twice, expected it once", b.Pos, s)
				}
				if i >= 0 {
					return fmt.Errorf("%s: %s is already served by the block at %s, "+
						"expected another zone, another port or bind with other addresses", b.Pos, s, all[i].block.Pos)
				}
				all = append(all, s)
			}
		}
	}
	return nil
}
