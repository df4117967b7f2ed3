package corefile

import (
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// ClusterZones returns the cluster domain and the reverse zones that the Corefile sends to
// the same servers.
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

// clusterForward returns what is asked for the cluster domain, nil if nothing is.
func (c *Config) clusterForward() *Forward {
	if b := c.blockOf(c.clusterDomain); b != nil {
		return b.forwardOf(c.clusterDomain)
	}
	return nil
}

// has reports whether f has the server t, over whatever protocol.
func (f *Forward) has(t To) bool {
	return slices.ContainsFunc(f.To, func(o To) bool {
		return o.File == t.File && o.Host == t.Host && o.Endpoint.Addr == t.Endpoint.Addr
	})
}

func appendReverse(zones, more []wire.Name) []wire.Name {
	for _, z := range more {
		if isReverse(z) {
			zones = appendNew(zones, z)
		}
	}
	return zones
}

// blockOf returns the first block with the longest zone that n is below, whatever its port.
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

// forwardOf returns the first forward that n is below.
func (b *Block) forwardOf(n wire.Name) *Forward {
	for _, f := range b.Forwards {
		if n.Below(f.From) && !slices.ContainsFunc(f.Except, n.Below) {
			return f
		}
	}
	return nil
}

// within returns what f is asked of b's zones: all of one, or only what is below From.
func (f *Forward) within(b *Block) (zones []wire.Name) {
	for _, z := range b.Zones() {
		switch {
		case z.Below(f.From):
			zones = append(zones, z)
		case f.From.Below(z):
			zones = append(zones, f.From)
		}
	}
	return zones
}

func isReverse(n wire.Name) bool {
	return n.Below(wire.Name("\x07in-addr\x04arpa\x00")) || n.Below(wire.Name("\x03ip6\x04arpa\x00"))
}
