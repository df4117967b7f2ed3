package nodecache

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/resolve"
)

// builder makes a generation of a Corefile.
type builder struct {
	ctx context.Context // ends looking up servers
	*process
	conf    *corefile.Config
	old     *keep
	next    *generation
	servers map[netip.AddrPort]*resolve.Server
	best    wire.Name // the longest zone yet that the cluster domain is in

	memories map[*corefile.Block]*resolve.Memory
}

// build makes what a Corefile says, with what can be kept of old. It opens no sockets and
// changes nothing that is at work.
func (p *process) build(ctx context.Context, conf *corefile.Config, old *keep) (*generation, error) {
	b := builder{process: p, ctx: ctx, conf: conf, old: old, next: &generation{conf: conf, keep: newKeep()}, servers: map[netip.AddrPort]*resolve.Server{}}
	b.memories = b.next.keep.takeMemories(old, conf.Blocks)
	for _, block := range conf.Blocks {
		if err := b.add(block); err != nil {
			b.next.keep.closeBut(old)
			return nil, err
		}
	}
	if err := errors.Join(p.checkLocal(b.next.addrs), p.checkFallback(b.next.cluster)); err != nil {
		b.next.keep.closeBut(old)
		return nil, err
	}
	fit(b.next.sizes, p.Memory.Cache)
	var servers []resolve.Server
	for _, addr := range b.next.addrs {
		servers = append(servers, *b.servers[addr])
	}
	b.next.table = resolve.NewTable(servers)
	return b.next, nil
}

// add adds a block at each address and for each zone that it has.
func (b *builder) add(conf *corefile.Block) error {
	block, err := b.block(conf)
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
			s := b.server(addr)
			label := serverLabel(addr)
			s.Routes = append(s.Routes, resolve.Route{Zone: key.Zone, Block: block, Count: b.metrics.Queries.Zone(label, key.Zone.String(), cacheLabel(conf))})
			b.next.plugins = append(b.next.plugins, plugins(conf, label, key.Zone)...)
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
		b.addLoops(conf, block, key)
		b.findCluster(block, key)
	}
	if conf.Cache != nil {
		b.next.caches = append(b.next.caches, metrics.CacheWatch{Servers: labels, Zones: cacheLabel(conf), Stats: block.Cache.Stats})
	}
	return nil
}

// server returns what is answered at addr.
func (b *builder) server(addr netip.AddrPort) *resolve.Server {
	if b.servers[addr] == nil {
		b.servers[addr] = &resolve.Server{Addr: addr, Other: b.metrics.Queries.Zone(serverLabel(addr), tally.Dropped, "")}
		b.next.addrs = append(b.next.addrs, addr)
	}
	return b.servers[addr]
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
	return joinNames(conf.Cache.Zones)
}

func joinNames(zones []wire.Name) string {
	var words []string
	for _, z := range zones {
		words = append(words, z.String())
	}
	return strings.Join(words, ",")
}

// block makes what a server block does.
func (b *builder) block(conf *corefile.Block) (*resolve.Block, error) {
	memory := b.memories[conf]
	block := &resolve.Block{
		Memory: memory, Cluster: b.cluster(), Inside: b.conf.ClusterZones(), IPv4Only: conf.IPv4Only,
		UDPSize: wire.UDPSize, Log: conf.Log, Errors: b.errors.Of(conf.Errors),
	}
	if conf.Bufsize > 0 {
		block.UDPSize = int(conf.Bufsize)
	}
	b.setCache(block, conf.Cache)
	if conf.Hosts != nil {
		block.Hosts = b.hosts(conf.Hosts)
	}
	for _, f := range conf.Forwards {
		u, err := b.upstream(f)
		if err != nil {
			return nil, err
		}
		block.Forwards = append(block.Forwards, u)
	}
	b.next.sizes = append(b.next.sizes, sized{block, sizes(conf.Cache)})
	return block, nil
}

// cluster returns the cluster domain.
func (b *builder) cluster() wire.Name { return b.conf.ClusterZones()[0] }

// roomFor is how many bytes an answer may take on average before bytes bound a cache rather
// than entries: some four times what most take.
const roomFor = 1024

// failures is how many failures are kept at a time.
const failures = 2048

// setCache sets what is kept, and when it is used though it has expired.
func (b *builder) setCache(block *resolve.Block, conf *corefile.Cache) {
	if conf == nil {
		return
	}
	block.Policy, block.Kept, block.NoSuccess, block.NoDenial = conf.Policy, conf.Zones, conf.NoSuccess, conf.NoDenial
	if !conf.CutOff {
		block.Services = append(wire.Name("\x03svc"), b.cluster()...)
	}
	block.Stale = resolve.Stale(conf.Stale)
}

// plugins returns the series of coredns_plugin_enabled for a block.
func plugins(conf *corefile.Block, server string, zone wire.Name) (list []metrics.Plugin) {
	for _, name := range conf.Plugins {
		list = append(list, metrics.Plugin{Server: server, Zone: zone.String(), Name: name})
	}
	return list
}
