package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/neardns/neardns/plugin/kube"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// config is a `kubernetes` block of a Corefile.
type config struct {
	zones        []string // normalized
	multicluster []string // normalized, each among zones

	origin   place       // of the option that says where records come from, or of the directive
	access   kube.Access // how to reach the API server
	snapshot string      // absolute path of a file to serve instead, or to keep records in
	keep     bool        // the latter

	namespaces      []string
	namespaceLabels labels.Selector // nil for all
	labels          labels.Selector // nil for all
	podNames        bool            // endpoint_pod_names

	names            zone.Options
	ttl              uint32   // seconds
	fallthroughZones []string // normalized
	startupTimeout   time.Duration
	resync           time.Duration // 0 for never
	expressOff       bool          // express off
	explainOff       bool          // explain off

	places   map[string]place // where each option stands
	warnings []string         // what is odd about the block, each with its place
}

const (
	defaultTTL            = 5 // seconds
	defaultStartupTimeout = 5 * time.Second
	defaultResync         = 5 * time.Minute
	leastResync           = time.Second
)

// block is a `kubernetes` block while it is read.
type block struct {
	*caddy.Controller
	*config
	option    string // the present option
	apiOption string // the last option that was about the API server
}

// parse reads the one `kubernetes` block of a server block. Its errors name the file, the line and
// what it expected.
func parse(c *caddy.Controller) (*config, error) {
	c.Next()
	b := block{Controller: c, config: &config{places: map[string]place{}, ttl: defaultTTL, startupTimeout: defaultStartupTimeout, resync: defaultResync}}
	b.origin = b.here()
	if err := b.readZones(c.RemainingArgs()); err != nil {
		return nil, err
	}
	for c.NextBlock() {
		if err := b.readOption(c.Val()); err != nil {
			return nil, err
		}
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return b.config, b.check()
}

// readZones reads the zones behind the directive. If there are none, it takes those of the server
// block.
func (b *block) readZones(args []string) (err error) {
	if b.zones, err = b.zonesOf(args); err != nil {
		return err
	}
	if len(args) == 0 {
		b.zones = plugin.OriginsFromArgsOrServerBlock(nil, b.ServerBlockKeys)
	}
	for _, z := range b.zones {
		if err := b.checkZone(z); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(b.zones, isForward) {
		return b.Errf("non-reverse zone name must be used: expected one such as cluster.local, got only %s", strings.Join(b.zones, " "))
	}
	return nil
}

// zonesOf reads zones as CoreDNS does. It refuses names and networks that are malformed, which
// CoreDNS passes over.
func (b *block) zonesOf(args []string) (zones []string, err error) {
	for _, arg := range args {
		names := plugin.Host(arg).NormalizeExact()
		if len(names) == 0 {
			return nil, b.Errf("%q is not a zone: expected a name such as cluster.local, or a network such as 10.96.0.0/12", arg)
		}
		for _, name := range names {
			if err := b.checkZone(name); err != nil {
				return nil, err
			}
		}
		zones = append(zones, names...)
	}
	return zones, nil
}

// checkZone refuses a network that CoreDNS took for a name, and a name that leaves no room for
// names below it.
func (b *block) checkZone(name string) error {
	if addr, length, ok := strings.Cut(strings.TrimSuffix(name, "."), "/"); ok {
		if a, err := netip.ParseAddr(addr); err == nil {
			return b.Errf("%s/%s is not a network: expected a length of 0 to %d", addr, length, a.BitLen())
		}
	}
	z := reply.NewZone(name, nil)
	if longest := z.LongestName(); reply.Length(longest) > zone.MaxName {
		return b.Errf("zone %s is too long: names below it, such as %s, have %d bytes at most", name, longest, zone.MaxName)
	}
	return nil
}

func (b *block) readOption(name string) error {
	b.option = name
	o, ok := options[name]
	if !ok {
		return b.unknown()
	}
	_, again := b.places[name]
	b.places[name] = b.here()
	args := b.RemainingArgs()
	if err := b.count(o, args); err != nil {
		return err
	}
	if b.NextArg() { // RemainingArgs stops at a brace only
		return b.Errf("unexpected '%s' after '%s': no option has a block", b.Val(), name)
	}
	if o.api {
		b.apiOption = name
	}
	if err := o.read(b, args); err != nil {
		return err
	}
	if again && !o.again && o.max > 0 {
		b.warn("%s appears twice: the last one counts", name)
	}
	return nil
}

// end refuses what stands behind the block.
func (b *block) end() error {
	switch {
	case !b.Next():
		return nil
	case b.Val() == "{" && b.option == "":
		return b.Errf("'{' belongs at the end of the line of %s", pluginName)
	case b.Val() == pluginName:
		return b.Errf("%v: zones and options belong in one kubernetes block per server block", plugin.ErrOnce)
	}
	return b.Errf("unexpected '%s' in, or behind, the kubernetes block", b.Val())
}

// check finds options that exclude each other.
func (b *block) check() error {
	if len(b.namespaces) > 0 && b.namespaceLabels != nil {
		return b.at("namespace_labels", "namespaces and namespace_labels cannot both be set")
	}
	for _, z := range b.multicluster {
		if !slices.Contains(b.zones, z) {
			return b.at("multicluster", "is not authoritative for the multicluster zone %s (authoritative zones: %v)", z, b.zones)
		}
	}
	if b.names.Zonal && b.names.NoEndpoints {
		return b.at("noendpoints", "zonal requires the endpoint cache; remove noendpoints")
	}
	if b.snapshot != "" && !b.keep && b.apiOption != "" {
		return b.at(b.apiOption, "snapshot serves a file and %s is about the API server: expected one or the other, or `snapshot FILE keep`", b.apiOption)
	}
	if p, ok := b.places[b.originOption()]; ok {
		b.origin = p
	}
	return nil
}

// originOption is the option that says where records come from, or "" if none does.
func (b *block) originOption() string {
	if b.snapshot != "" && !b.keep {
		return "snapshot"
	}
	return b.apiOption
}

// place is a line of a Corefile.
type place struct {
	file string
	line int
}

// String writes the place as FILE:LINE.
func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// errorf is an error at the place, written as the Corefile's parser writes its own.
func (p place) errorf(format string, args ...any) error {
	return fmt.Errorf("%v - Error during parsing: %s", p, fmt.Sprintf(format, args...))
}

// here is the place that the parser has reached.
func (b *block) here() place { return place{b.File(), b.Line()} }

// at is an error where an option stands.
func (b *block) at(option, format string, args ...any) error {
	return b.places[option].errorf(format, args...)
}

// warn notes what is odd, but does no harm, about the present option.
func (b *block) warn(format string, args ...any) {
	b.warnings = append(b.warnings, b.places[b.option].String()+": "+fmt.Sprintf(format, args...))
}

func isForward(z string) bool { return !zone.IsReverse(z) }
