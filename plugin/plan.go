package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	keyparse "github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/plugin/count"
	"github.com/neardns/neardns/plugin/lane"
	"github.com/neardns/neardns/plugin/reply"
)

// plan says whose names the express lane answers, at each address that an instance of CoreDNS
// listens at. It is made while the instance starts, and does not change after that.
type plan struct {
	blocks []serverBlock
	err    error // why blocks are not known
	ours   map[int]*ownBlock
	keeps  map[string]place // files that records are kept in, and where they are named

	instance *caddy.Instance // whose plan it is; nil if that is not known
	beside   beside
	hooked   []*dnsserver.Config // whose hook is ours alone
	leaves   bool                // instance calls beside.Replaced, and has a keeper
	stopped  bool                // beside.Stop was called
}

// serverBlock is a block of the Corefile.
type serverBlock struct {
	tokens map[string][]caddyfile.Token // by directive
	keys   []zoneKey
	hosts  []string // addresses that it listens at, as `bind` has them; "" for all
}

// zoneKey is a zone that a block serves over plain DNS, and where.
type zoneKey struct{ zone, port string }

// String writes the key as CoreDNS does when it starts.
func (k zoneKey) String() string { return k.zone + ":" + k.port }

// ownBlock is a server block with kubernetes for which the lane is on.
type ownBlock struct {
	lane   *lane.Block
	config *dnsserver.Config
}

// planKey is where an instance keeps its plan.
type planKey struct{}

// planOf returns the plan of the instance that c belongs to, the same one for all blocks.
func planOf(c *caddy.Controller) *plan {
	p, ok := c.Get(planKey{}).(*plan)
	if !ok {
		p = &plan{ours: map[int]*ownBlock{}, keeps: map[string]place{}}
		p.beside = newBeside(p)
		c.Set(planKey{}, p)
	}
	return p
}

// keep refuses a file for a block's records that another block has.
func (p *plan) keep(conf *config) error {
	if !conf.keep {
		return nil
	}
	here := conf.places["snapshot"]
	if other, taken := p.keeps[conf.snapshot]; taken {
		return here.errorf("snapshot %s keep: %v keeps its records there; expected a file of its own for each block", conf.snapshot, other)
	}
	p.keeps[conf.snapshot] = here
	return nil
}

// join takes a kubernetes block in, and logs whether the lane is on for it. It is for OnStartup.
func (p *plan) join(c *caddy.Controller, conf *config, r *reply.Responder) {
	p.read(c)
	if p.err != nil {
		log.Warningf("express is off: %v", p.err)
		return
	}
	e := judge(p.blocks, c.ServerBlockIndex, conf)
	if e.off == nil {
		p.ours[c.ServerBlockIndex] = &ownBlock{e.block(r), dnsserver.GetConfig(c)}
	}
	log.Info(e.String())
}

// read reads the Corefile, once.
func (p *plan) read(c *caddy.Controller) {
	if p.blocks == nil && p.err == nil {
		p.blocks, p.err = p.readCorefile(c)
	}
}

// readCorefile returns the server blocks of the plan's instance, from the text that it was started
// with.
func (p *plan) readCorefile(c *caddy.Controller) ([]serverBlock, error) {
	for _, inst := range slices.Backward(caddy.Instances()) {
		inst.StorageMu.RLock()
		found := inst.Storage[planKey{}] == any(p)
		inst.StorageMu.RUnlock()
		if !found {
			continue
		}
		p.instance = inst
		in := inst.Caddyfile()
		blocks, err := caddyfile.Parse(in.Path(), bytes.NewReader(in.Body()), dnsserver.Directives)
		if err != nil {
			return nil, err
		}
		return readBlocks(blocks, func(i int) []string {
			return configOf(c, i, 0).ListenHosts
		}), nil
	}
	return nil, errors.New("the Corefile is not known")
}

// readBlocks reads blocks as the Corefile's parser leaves them. hosts returns the addresses of one.
func readBlocks(blocks []caddyfile.ServerBlock, hosts func(i int) []string) (read []serverBlock) {
	for i, b := range blocks {
		read = append(read, serverBlock{tokens: b.Tokens, keys: plainKeys(b.Keys), hosts: hosts(i)})
	}
	return read
}

// plainKeys returns those of a block's keys that are about plain DNS. It reads them as CoreDNS does
// (core/dnsserver/register.go, InspectServerBlocks), which has refused what is malformed.
func plainKeys(keys []string) (plain []zoneKey) {
	for _, key := range keys {
		proto, rest := keyparse.Transport(key)
		zones, port, err := plugin.SplitHostPort(rest)
		if err != nil || proto != transport.DNS {
			continue
		}
		if port == "" {
			port = dnsserver.Port
		}
		for _, z := range zones {
			plain = append(plain, zoneKey{plugin.Name(z).Normalize(), port})
		}
	}
	return plain
}

// addrs returns the addresses that a key of the block is served at, written as dnsserver.Server has
// its Addr: dns://:53 or dns://[::1]:53.
func (b *serverBlock) addrs(k zoneKey) (addrs []string) {
	for _, host := range b.hosts {
		addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, k.port))
		if err == nil { // or the server does not start
			addrs = append(addrs, transport.DNS+"://"+addr.String())
		}
	}
	return addrs
}

// meets reports whether two blocks listen at one address.
func (b *serverBlock) meets(other *serverBlock) bool {
	return slices.ContainsFunc(b.keys, func(k zoneKey) bool {
		return slices.ContainsFunc(other.keys, func(o zoneKey) bool { return k.port == o.port && shares(b.addrs(k), other.addrs(o)) })
	})
}

// both returns the keys of b that another block has at an address of b's. Views allow that.
func (b *serverBlock) both(other *serverBlock) (keys []zoneKey) {
	for _, k := range b.keys {
		if slices.Contains(other.keys, k) && shares(b.addrs(k), other.addrs(k)) {
			keys = append(keys, k)
		}
	}
	return keys
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// zones returns all zones that CoreDNS serves at an address, such as dns://:53. A name belongs to
// the longest. There are none if the lane is off for all of them.
func (p *plan) zones(addr string) (zones []lane.Zone) {
	var on bool
	at := map[string]int{} // where in zones
	for i := range p.blocks {
		for _, k := range p.blocks[i].keys {
			if !slices.Contains(p.blocks[i].addrs(k), addr) {
				continue
			}
			if n, twice := at[k.zone]; twice { // each query is for the block whose view takes it
				zones[n].Block, zones[n].Count = nil, nil
				continue
			}
			z := lane.Zone{Name: k.zone}
			if own := p.ours[i]; own != nil && serves(own.lane.Responder.Zones, k.zone) {
				z.Block, z.Count, on = own.lane, p.count(addr, own.config, k.zone), true
			}
			at[k.zone] = len(zones)
			zones = append(zones, z)
		}
	}
	if !on {
		return nil
	}
	return zones
}

// count returns what counts the queries for a zone of a block, or nil if nothing does.
func (p *plan) count(addr string, block *dnsserver.Config, zone string) *tally.Zone {
	counts, err := count.Open()
	if err != nil {
		log.Warningf("%v", err)
		return nil
	}
	return counts.Zone(addr, block, zone)
}

// serves reports whether one of a kubernetes block's zones stands in a zone of its server block, or
// above it.
func serves(zones reply.Zones, key string) bool {
	return slices.ContainsFunc(zones, func(z reply.Zone) bool { return reply.InZone(z.Name, key) || reply.InZone(key, z.Name) })
}

// names writes keys for a line of the log.
func names(keys []zoneKey) string {
	const few = 4
	var texts []string
	for _, k := range keys[:min(few, len(keys))] {
		texts = append(texts, k.String())
	}
	if more := len(keys) - few; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, " ")
}
