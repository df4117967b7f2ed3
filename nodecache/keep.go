package nodecache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/forward"
	"github.com/neardns/neardns/nodecache/hosts"
	"github.com/neardns/neardns/nodecache/resolve"
)

// keep is what a generation takes over from the one before, where both want the same thing in the
// same way. Nothing of it is copied, so a reload loses no answer and no connection.
type keep struct {
	memories map[memoryKey]*resolve.Memory
	forwards map[forward.Key]*forward.Forward
	hosts    map[hostsKey]*hostsFile
}

func newKeep() *keep {
	return &keep{map[memoryKey]*resolve.Memory{}, map[forward.Key]*forward.Forward{}, map[hostsKey]*hostsFile{}}
}

// takeMemories gives each block what old remembers of it, or a new memory, and keeps those. No two
// blocks get the same memory.
func (k *keep) takeMemories(old *keep, blocks []*corefile.Block) map[*corefile.Block]*resolve.Memory {
	given := map[*corefile.Block]*resolve.Memory{}
	for l := range likenesses {
		for _, b := range blocks {
			if given[b] == nil {
				given[b] = old.untaken(memoryKeys(b, l), given)
			}
		}
	}
	for _, b := range blocks {
		if given[b] == nil {
			given[b] = resolve.NewMemory(cache.New(sizes(b.Cache)))
		}
		for l := range likenesses {
			for _, key := range memoryKeys(b, l) {
				k.memories[key] = given[b]
			}
		}
	}
	return given
}

// untaken returns the first of the memories under keys that no block was given yet, or nil.
func (k *keep) untaken(keys []memoryKey, given map[*corefile.Block]*resolve.Memory) *resolve.Memory {
	taken := slices.Collect(maps.Values(given))
	for _, key := range keys {
		if m := k.memories[key]; m != nil && !slices.Contains(taken, m) {
			return m
		}
	}
	return nil
}

// forgetFailures clears the failures of servers that next does not have: from now on others are
// asked.
func (k *keep) forgetFailures(next *keep) {
	for key, f := range k.forwards {
		if next.forwards[key] != f {
			f.Blamed().Replaced()
		}
	}
}

// closeBut closes what other does not have.
func (k *keep) closeBut(other *keep) {
	for key, f := range k.forwards {
		if other.forwards[key] != f {
			f.Close()
		}
	}
	for key, h := range k.hosts {
		if other.hosts[key] != h {
			h.close()
		}
	}
}

// likeness is a way to recognise a block after a reload.
type likeness uint8

// The ways, the surest first: two blocks are alike if
const (
	firstZone likeness = iota // their first zones and their addresses are the same
	zone                      // a zone of each and their addresses are the same
	zoneOnly                  // a zone of each is the same
	likenesses
)

// memoryKey is the same for two blocks that are alike.
type memoryKey struct {
	likeness likeness
	zone     string
	port     uint16
	binds    string
}

// memoryKeys returns a block's keys of one likeness.
func memoryKeys(b *corefile.Block, l likeness) (keys []memoryKey) {
	binds := fmt.Sprint(b.Binds)
	if l == zoneOnly {
		binds = ""
	}
	for _, k := range b.Keys {
		keys = append(keys, memoryKey{l, k.Zone.String(), k.Port, binds})
	}
	if l == firstZone {
		return keys[:1]
	}
	return keys
}

// What a cache keeps.
const (
	// roomFor is how many bytes an answer may take on average before bytes bound a cache rather
	// than entries: some four times what most take.
	roomFor = 1024
	// failures is how many failures a cache keeps. They are all short.
	failures = 2048
)

// sizes returns the sizes of a block's cache. Without the directive, too, it keeps failures (RFC
// 9520, section 3.2).
func sizes(conf *corefile.Cache) cache.Options {
	o := cache.Options{Failure: cache.Limits{Entries: failures, Bytes: failures * roomFor / 2}}
	if conf != nil {
		o.Success, o.Denial = size(conf.Success), size(conf.Denial)
	}
	return o
}

// size returns the limits of a class that the Corefile limits to a number of entries.
func size(entries int) cache.Limits {
	return cache.Limits{Entries: entries, Bytes: int64(entries) * roomFor}
}

// hostsKey tells hosts files apart.
type hostsKey struct {
	path, inline, zones string
	reload              time.Duration
	noReverse           bool
}

func hostsKeyOf(c *corefile.Hosts) hostsKey {
	return hostsKey{c.File, c.Inline, fmt.Sprint(c.Zones), c.Reload, c.NoReverse}
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
