package nodecache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/hosts"
	"github.com/neardns/neardns/nodecache/resolve"
)

// keep is what configurations share: of what one after the other wants in the same way,
// there is one. Nothing of it is copied, so a reload loses no answer and no connection.
type keep struct {
	memories map[string]*resolve.Memory
	forwards map[string]*forward
	hosts    map[string]*hostsFile
}

func newKeep() *keep {
	return &keep{map[string]*resolve.Memory{}, map[string]*forward{}, map[string]*hostsFile{}}
}

// hostsFile is a hosts file that is read again as it changes.
type hostsFile struct {
	*hosts.File
	cancel context.CancelFunc
	group  sync.WaitGroup
}

func newHostsFile(c hosts.Config) *hostsFile {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hostsFile{File: hosts.Open(c), cancel: cancel}
	h.group.Go(func() { h.Run(ctx) })
	return h
}

func (h *hostsFile) close() {
	h.cancel()
	h.group.Wait()
}

// takeMemories gives each block what old remembers of it, or a new memory, and keeps those. None
// is given twice.
func (k *keep) takeMemories(old *keep, blocks []*corefile.Block) map[*corefile.Block]*resolve.Memory {
	given := map[*corefile.Block]*resolve.Memory{}
	for likeness := range likenesses {
		for _, b := range blocks {
			if given[b] == nil {
				given[b] = old.untaken(memoryKeys(b, likeness), given)
			}
		}
	}
	for _, b := range blocks {
		if given[b] == nil {
			given[b] = resolve.NewMemory(cache.New(sizes(b.Cache)))
		}
		for likeness := range likenesses {
			for _, key := range memoryKeys(b, likeness) {
				k.memories[key] = given[b]
			}
		}
	}
	return given
}

// untaken returns the first of the memories under keys that no block was given, nil if there is
// none.
func (k *keep) untaken(keys []string, given map[*corefile.Block]*resolve.Memory) *resolve.Memory {
	taken := slices.Collect(maps.Values(given))
	for _, key := range keys {
		if m := k.memories[key]; m != nil && !slices.Contains(taken, m) {
			return m
		}
	}
	return nil
}

// likenesses is how many ways there are in which a block is the one that it was.
const likenesses = 3

// memoryKeys returns what is the same of two blocks that are one and the same: their first zone
// and their addresses; else one of the zones, and the addresses; else one of the zones.
func memoryKeys(b *corefile.Block, likeness int) (keys []string) {
	switch likeness {
	case 0:
		return []string{fmt.Sprint("first ", b.Keys[0], b.Binds)}
	case 1:
		for _, k := range b.Keys {
			keys = append(keys, fmt.Sprint(k, b.Binds))
		}
	default:
		for _, k := range b.Keys {
			keys = append(keys, fmt.Sprint(k))
		}
	}
	return keys
}

// forgetFailures clears what failed because of servers that other does not have: from now on
// others are asked.
func (k *keep) forgetFailures(other *keep) {
	for key, f := range k.forwards {
		if other.forwards[key] != f {
			f.blamed.Replaced()
		}
	}
}

// closeBut closes what other does not have.
func (k *keep) closeBut(other *keep) {
	for key, f := range k.forwards {
		if other.forwards[key] != f {
			f.close()
		}
	}
	for key, h := range k.hosts {
		if other.hosts[key] != h {
			h.close()
		}
	}
}
