package nodecache

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/neardns/neardns/nodecache/cache"
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

// memory returns what old remembers under the first of keys that has a memory which is not taken
// yet, or a new one with a cache of these sizes. It is kept under each of the keys.
func (k *keep) memory(old *keep, keys []string, o cache.Options) (*resolve.Memory, error) {
	m := k.untaken(old, keys)
	if m == nil {
		c, err := cache.New(o)
		if err != nil {
			return nil, err
		}
		m = resolve.NewMemory(c)
	}
	for _, key := range keys {
		k.memories[key] = m
	}
	return m, nil
}

func (k *keep) untaken(old *keep, keys []string) *resolve.Memory {
	taken := slices.Collect(maps.Values(k.memories))
	for _, key := range keys {
		if m := old.memories[key]; m != nil && !slices.Contains(taken, m) {
			return m
		}
	}
	return nil
}

// forgetFailures clears what failed because of servers that other does not have: from now on
// others are asked.
func (k *keep) forgetFailures(other *keep) {
	for key, f := range k.forwards {
		if other.forwards[key] != f {
			f.source.Replaced()
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
