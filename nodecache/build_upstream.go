package nodecache

import (
	"fmt"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/hosts"
	"github.com/neardns/neardns/nodecache/resolve"
	"github.com/neardns/neardns/nodecache/upstream"
)

// upstream makes what a forward says, around servers that others may share.
func (b *builder) upstream(conf *corefile.Forward) (*resolve.Forward, error) {
	f, err := b.forward(conf)
	if err != nil {
		return nil, err
	}
	u := &resolve.Forward{
		From: conf.From, Except: conf.Except, Next: conf.Next, NextOnNodata: conf.NextOnNodata,
		Upstream: f, Servers: &f.blamed,
	}
	overUDP := func(t corefile.To) bool { return t.Endpoint.Proto == upstream.UDP }
	if !slices.ContainsFunc(conf.To, overUDP) {
		u.Options = wire.AppendOption(nil, wire.OptionKeepalive, nil) // not over UDP (RFC 7828, section 3.2.1)
	}
	return u, nil
}

// forward returns the servers that conf names, kept or new.
func (b *builder) forward(conf *corefile.Forward) (*forward, error) {
	key := forwardKey(conf)
	f := b.next.keep.forwards[key]
	if f == nil {
		f = b.old.forwards[key]
	}
	if f == nil {
		var err error
		if f, err = b.newForward(b.ctx, conf); err != nil {
			return nil, err
		}
	}
	b.next.keep.forwards[key] = f
	return f, nil
}

// addLoops has loops looked for through each forward that is asked for a key's zone.
func (b *builder) addLoops(conf *corefile.Block, block *resolve.Block, key corefile.Key) {
	if !conf.Loop {
		return
	}
	for _, u := range block.Forwards {
		f, ok := u.Upstream.(*forward)
		if ok && !b.next.watches(f) && key.Zone.Below(u.From) {
			b.next.loops = append(b.next.loops, loopWatch{f, key.Zone})
		}
	}
}

// findCluster notes the forward of the cluster domain, which the block with the longest zone has.
func (b *builder) findCluster(block *resolve.Block, key corefile.Key) {
	if !b.cluster().Below(key.Zone) || len(key.Zone) <= len(b.best) {
		return
	}
	b.best = key.Zone
	b.next.cluster = nil
	for _, u := range block.Forwards {
		if f, ok := u.Upstream.(*forward); ok && b.cluster().Below(u.From) {
			b.next.cluster = f
			return
		}
	}
}

// hosts makes what a hosts directive says.
func (b *builder) hosts(conf *corefile.Hosts) *resolve.Hosts {
	key := fmt.Sprintf("%+v", conf)
	h := b.next.keep.hosts[key]
	if h == nil {
		h = b.old.hosts[key]
	}
	if h == nil {
		h = newHostsFile(hosts.Config{
			Path: conf.File, Inline: conf.Inline, Reload: conf.Reload,
			Options: hosts.Options{Zones: conf.Zones, NoReverse: conf.NoReverse},
			Report:  func(err error) { b.Log.Warn("hosts", "error", err) },
			Loaded:  func(t *hosts.Table, modified time.Time) { b.metrics.Own.HostsRead(conf.File, t.Entries(), modified) },
		})
	}
	b.next.keep.hosts[key] = h
	return &resolve.Hosts{File: h.File, TTL: conf.TTL, Through: conf.Fallthrough, Unsupported: conf.FallthroughUnsupported}
}
