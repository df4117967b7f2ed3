package corefile

import (
	"fmt"
	"slices"
)

// served is a zone on a port of an address, and the block that has it.
type served struct {
	zone  string
	port  uint16
	block *Block
	bind  *Bind // nil: on all addresses
}

// checkOverlap finds two blocks that would be asked the same.
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
					return fmt.Errorf("%s: %s is served by the block at %s already, "+
						"expected another zone, another port or bind with other addresses", b.Pos, s, all[i].block.Pos)
				}
				all = append(all, s)
			}
		}
	}
	return nil
}

// served returns where the block serves a key.
func (b *Block) served(k Key) []served {
	if len(b.Binds) == 0 {
		return []served{{k.Zone.String(), k.Port, b, nil}}
	}
	all := make([]served, len(b.Binds))
	for i := range b.Binds {
		all[i] = served{k.Zone.String(), k.Port, b, &b.Binds[i]}
	}
	return all
}

func (s served) overlaps(o served) bool {
	return s.zone == o.zone && s.port == o.port && (s.bind == nil || o.bind == nil || s.bind.is(*o.bind))
}

// String returns ZONE:PORT, and the address if it is not on all.
func (s served) String() string {
	if s.bind == nil {
		return fmt.Sprintf("%s:%d", s.zone, s.port)
	}
	return fmt.Sprintf("%s:%d on %s", s.zone, s.port, *s.bind)
}
