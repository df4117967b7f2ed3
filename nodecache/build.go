package nodecache

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/forward"
	"github.com/neardns/neardns/nodecache/hosts"
	"github.com/neardns/neardns/nodecache/intercept"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/querylog"
	"github.com/neardns/neardns/nodecache/resolve"
	"github.com/neardns/neardns/nodecache/upstream"
)

// builder makes generations. It has what all of them share.
type builder struct {
	corefile string         // its path
	host     intercept.Host // it must fit the Corefile
	cache    int64          // bytes of all caches together
	metrics  *metrics.Set
	errors   *querylog.ErrorLog
	forwards forward.Shared
	log      *slog.Logger
}

// draft is a generation that is not complete yet.
type draft struct {
	*builder
	ctx      context.Context // ends looking up servers
	conf     *corefile.Config
	old      *keep
	next     *generation
	memories map[*corefile.Block]*resolve.Memory
	servers  map[netip.AddrPort]*resolve.Server

	best    wire.Name         // the longest zone so far that has the cluster domain in it
	cluster *corefile.Forward // of the cluster domain; nil for none
}

// build makes what a Corefile says, with what can be kept of old. It opens no sockets and changes
// nothing that is at work.
func (b *builder) build(ctx context.Context, conf *corefile.Config, old *keep) (*generation, error) {
	d := draft{builder: b, ctx: ctx, conf: conf, old: old, next: newGeneration(), servers: map[netip.AddrPort]*resolve.Server{}}
	d.next.conf = conf
	if err := d.complete(); err != nil {
		d.next.keep.closeBut(old)
		return nil, err
	}
	return d.next, nil
}

func (d *draft) complete() error {
	d.memories = d.next.keep.takeMemories(d.old, d.conf.Blocks)
	for _, block := range d.conf.Blocks {
		if err := d.add(block); err != nil {
			return err
		}
	}
	if err := d.checkHost(); err != nil {
		return err
	}
	d.next.fit(d.cache)
	var servers []resolve.Server
	for _, addr := range d.next.addrs {
		servers = append(servers, *d.servers[addr])
	}
	d.next.table = resolve.NewTable(servers)
	return nil
}

// checkHost returns an error if the Corefile lacks what the node needs.
func (d *draft) checkHost() error {
	err := at(d.corefile, d.host.CheckListening(d.next.addrs))
	if d.cluster == nil {
		return errors.Join(err, at(d.corefile, d.host.CheckFallback(nil)))
	}
	return errors.Join(err, at(d.cluster.Pos, d.host.CheckFallback(&d.cluster.Upstream)))
}

// add adds a block at each of its addresses and for each of its zones.
func (d *draft) add(conf *corefile.Block) error {
	block, forwards, err := d.block(conf)
	if err != nil {
		return err
	}
	var labels []string
	for _, key := range conf.Keys {
		addrs, err := listenAddrs(conf.Binds, key.Port)
		if err != nil {
			return err
		}
		for _, addr := range addrs {
			s := d.server(addr)
			label := serverLabel(addr)
			s.Routes = append(s.Routes, resolve.Route{Zone: key.Zone, Block: block, Count: d.metrics.Queries.Zone(label, key.Zone.String(), cacheLabel(conf))})
			d.next.plugins = append(d.next.plugins, plugins(conf, label, key.Zone)...)
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
		d.addLoops(conf, forwards, key)
		d.findCluster(conf, forwards, key)
	}
	if conf.Cache != nil {
		d.next.caches = append(d.next.caches, metrics.CacheWatch{Servers: labels, Zones: cacheLabel(conf), Stats: block.Cache.Stats})
	}
	return nil
}

// server returns what answers at addr.
func (d *draft) server(addr netip.AddrPort) *resolve.Server {
	if d.servers[addr] == nil {
		d.servers[addr] = &resolve.Server{Addr: addr, Other: d.metrics.Queries.Zone(serverLabel(addr), tally.Dropped, "")}
		d.next.addrs = append(d.next.addrs, addr)
	}
	return d.servers[addr]
}

// addLoops notes the forwards that are asked for a key's zone: loops are looked for through each of
// them once.
func (d *draft) addLoops(conf *corefile.Block, forwards []*forward.Forward, key corefile.Key) {
	if !conf.Loop {
		return
	}
	for i, f := range forwards {
		if !d.next.watches(f) && key.Zone.Below(conf.Forwards[i].From) {
			d.next.loops = append(d.next.loops, loopWatch{f, key.Zone})
		}
	}
}

// findCluster notes the forward of the cluster domain. Of the blocks whose zones have the domain in
// them, it takes the one with the longest zone.
func (d *draft) findCluster(conf *corefile.Block, forwards []*forward.Forward, key corefile.Key) {
	if !d.domain().Below(key.Zone) || len(key.Zone) <= len(d.best) {
		return
	}
	d.best, d.next.cluster, d.cluster = key.Zone, nil, nil
	for i, f := range forwards {
		if c := conf.Forwards[i]; d.domain().Below(c.From) {
			d.next.cluster, d.cluster = f, c
			return
		}
	}
}

// domain returns the cluster domain.
func (d *draft) domain() wire.Name { return d.conf.ClusterZones()[0] }

// block makes what a server block does. Its forwards are those of conf.Forwards.
func (d *draft) block(conf *corefile.Block) (block *resolve.Block, forwards []*forward.Forward, err error) {
	block = &resolve.Block{
		Memory: d.memories[conf], Cluster: d.domain(), Inside: d.conf.ClusterZones(), IPv4Only: conf.IPv4Only,
		UDPSize: wire.UDPSize, Log: conf.Log, Errors: d.errors.Of(conf.Errors),
	}
	if conf.Bufsize > 0 {
		block.UDPSize = int(conf.Bufsize)
	}
	if conf.Cache != nil {
		d.setCache(block, conf.Cache)
	}
	if conf.Hosts != nil {
		block.Hosts = d.hosts(conf.Hosts)
	}
	for _, c := range conf.Forwards {
		f, err := d.forward(c)
		if err != nil {
			return nil, nil, err
		}
		forwards = append(forwards, f)
		block.Forwards = append(block.Forwards, forwardOf(c, f))
	}
	d.next.sizes = append(d.next.sizes, sized{block, sizes(conf.Cache)})
	return block, forwards, nil
}

// setCache sets what is kept, and when expired answers are used.
func (d *draft) setCache(block *resolve.Block, conf *corefile.Cache) {
	block.Policy, block.Kept, block.NoSuccess, block.NoDenial = conf.Policy, conf.Zones, conf.NoSuccess, conf.NoDenial
	if !conf.CutOff {
		block.Services = append(wire.Name("\x03svc"), d.domain()...)
	}
	block.Stale = resolve.Stale(conf.Stale)
}

// forward returns the Forward of a directive, kept or new.
func (d *draft) forward(conf *corefile.Forward) (*forward.Forward, error) {
	key := forward.KeyOf(conf)
	f := d.next.keep.forwards[key]
	if f == nil {
		f = d.old.forwards[key]
	}
	if f == nil {
		var err error
		if f, err = forward.Open(d.ctx, conf, d.forwards); err != nil {
			return nil, err
		}
	}
	d.next.keep.forwards[key] = f
	return f, nil
}

// forwardOf returns f as a query meets it: with the directive's rules for names and RCODEs.
func forwardOf(conf *corefile.Forward, f *forward.Forward) *resolve.Forward {
	r := &resolve.Forward{
		From: conf.From, Except: conf.Except, Next: conf.Next, NextOnNodata: conf.NextOnNodata,
		Upstream: f, Servers: f.Blamed(),
	}
	overUDP := func(t corefile.To) bool { return t.Endpoint.Proto == upstream.UDP }
	if !slices.ContainsFunc(conf.To, overUDP) {
		r.Options = wire.AppendOption(nil, wire.OptionKeepalive, nil) // not over UDP (RFC 7828, section 3.2.1)
	}
	return r
}

// hosts makes what a hosts directive says.
func (d *draft) hosts(conf *corefile.Hosts) *resolve.Hosts {
	key := hostsKeyOf(conf)
	h := d.next.keep.hosts[key]
	if h == nil {
		h = d.old.hosts[key]
	}
	if h == nil {
		h = d.openHosts(conf)
	}
	d.next.keep.hosts[key] = h
	return &resolve.Hosts{File: h.File, TTL: conf.TTL, Through: conf.Fallthrough, Unsupported: conf.FallthroughUnsupported}
}

// openHosts opens the hosts file of a directive.
func (b *builder) openHosts(conf *corefile.Hosts) *hostsFile {
	return newHostsFile(hosts.Config{
		Path: conf.File, Inline: conf.Inline, Reload: conf.Reload,
		Options: hosts.Options{Zones: conf.Zones, NoReverse: conf.NoReverse},
		Report:  func(err error) { b.log.Warn("hosts", "error", err) },
		Loaded:  func(t *hosts.Table, modified time.Time) { b.metrics.Events.HostsRead(conf.File, t.Entries(), modified) },
	})
}

// plugins returns the series of coredns_plugin_enabled for a block.
func plugins(conf *corefile.Block, server string, zone wire.Name) (list []metrics.Plugin) {
	for _, name := range conf.Plugins {
		list = append(list, metrics.Plugin{Server: server, Zone: zone.String(), Name: name})
	}
	return list
}

// serverLabel is the label `server`, without a host where there is no bind.
func serverLabel(addr netip.AddrPort) string {
	host := ""
	if !addr.Addr().IsUnspecified() {
		host = addr.Addr().String()
	}
	return tally.ServerLabel(host, strconv.Itoa(int(addr.Port())))
}

// cacheLabel is the label `zones` of a block's cache, empty if it has none.
func cacheLabel(conf *corefile.Block) string {
	if conf.Cache == nil {
		return ""
	}
	var zones []string
	for _, z := range conf.Cache.Zones {
		zones = append(zones, z.String())
	}
	return strings.Join(zones, ",")
}
