package kubernetes

import (
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/neardns/neardns/plugin/zone"
)

// block is a `kubernetes` block while it is read.
type block struct {
	*caddy.Controller
	*config
	option    string // the option being read
	apiOption string // the last option that was about the API server
}

// parse reads the one `kubernetes` block of a server block. Its errors name file, line and
// what was expected.
func parse(c *caddy.Controller) (*config, error) {
	c.Next()
	b := block{Controller: c, config: &config{ttl: defaultTTL, startupTimeout: defaultStartupTimeout}}
	b.zones = plugin.OriginsFromArgsOrServerBlock(c.RemainingArgs(), c.ServerBlockKeys)
	if !slices.ContainsFunc(b.zones, isForward) {
		return nil, c.Errf("non-reverse zone name must be used: expected one such as cluster.local, got only %s", strings.Join(b.zones, " "))
	}
	for c.NextBlock() {
		b.option = c.Val()
		read, ok := options[b.option]
		if !ok {
			return nil, c.Errf("unknown property '%s'", b.option)
		}
		if err := read(&b, c.RemainingArgs()); err != nil {
			return nil, err
		}
	}
	if c.Next() {
		return nil, c.Errf("%v: zones and options belong in one kubernetes block per server block", plugin.ErrOnce)
	}
	return b.config, b.check()
}

// check finds options that exclude each other.
func (b *block) check() error {
	if len(b.namespaces) > 0 && b.namespaceLabels != nil {
		return b.Errf("namespaces and namespace_labels cannot both be set")
	}
	for _, z := range b.multicluster {
		if !slices.Contains(b.zones, z) {
			return b.Errf("is not authoritative for the multicluster zone %s (authoritative zones: %v)", z, b.zones)
		}
	}
	if b.names.Zonal && b.noEndpoints {
		return b.Errf("zonal requires the endpoint cache; remove noendpoints")
	}
	if b.snapshot != "" && b.apiOption != "" {
		return b.Errf("snapshot serves a file and %s is about the API server: expected one or the other", b.apiOption)
	}
	return nil
}

func isForward(z string) bool { return !zone.IsReverse(z) }
