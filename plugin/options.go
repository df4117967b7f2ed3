package kubernetes

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// option is a property of a block.
type option struct {
	usage    string // its arguments, as README writes them
	min, max int    // how many there are; many is any number
	api      bool   // it is about the API server, so it excludes a snapshot
	again    bool   // it may come again, and adds to what came before
	read     func(b *block, args []string) error
}

const many = math.MaxInt

// options are the properties of a block. README describes each one.
var options = map[string]option{
	"endpoint":               {usage: "URL", min: 1, max: many, api: true, read: endpoint},
	"tls":                    {usage: "CERT KEY CACERT", min: 3, max: 3, api: true, read: tls},
	"kubeconfig":             {usage: "KUBECONFIG [CONTEXT]", min: 1, max: 2, api: true, read: kubeconfig},
	"apiserver_qps":          {usage: "QPS", min: 1, max: 1, api: true, read: apiserverQPS},
	"apiserver_burst":        {usage: "BURST", min: 1, max: 1, api: true, read: apiserverBurst},
	"apiserver_max_inflight": {usage: "MAX", min: 1, max: 1, api: true, read: apiserverMaxInflight},
	"snapshot":               {usage: "FILE [keep]", min: 1, max: 2, read: snapshotFile},
	"namespaces":             {usage: "NAMESPACE...", min: 1, max: many, again: true, read: namespaces},
	"namespace_labels":       {usage: "EXPRESSION", min: 1, max: many, read: namespaceLabels},
	"labels":                 {usage: "EXPRESSION", min: 1, max: many, read: objectLabels},
	"pods":                   {usage: "disabled|insecure|verified", min: 1, max: 1, read: pods},
	"endpoint_pod_names":     {read: flag(func(b *block) { b.podNames = true })},
	"noendpoints":            {read: flag(func(b *block) { b.names.NoEndpoints = true })},
	"zonal":                  {read: flag(func(b *block) { b.names.Zonal = true })},
	"serving_endpoints":      {read: flag(func(b *block) { b.names.Serving = true })},
	"ttl":                    {usage: "TTL", min: 1, max: 1, read: ttl},
	"fallthrough":            {usage: "[ZONES...]", max: many, read: fallThrough},
	"ignore":                 {usage: "empty_service", min: 1, max: 1, read: ignore},
	"multicluster":           {usage: "ZONES...", min: 1, max: many, read: multicluster},
	"startup_timeout":        {usage: "DURATION", min: 1, max: 1, read: startupTimeout},
	"resync":                 {usage: "DURATION|off", min: 1, max: 1, api: true, read: resync},
	"express":                {usage: "off", min: 1, max: 1, read: expressLane},
	"explain":                {usage: "off", min: 1, max: 1, read: explainOff},
}

// gone are properties of older versions of the stock plugin, and what to do instead.
var gone = map[string]string{
	"upstream":     "since CoreDNS 1.7 names outside the zones are resolved by the server itself: remove it",
	"resyncperiod": "changes are watched, and `resync` says how often it is checked that none was missed: remove it",
	"transfer":     "since CoreDNS 1.8 the transfer plugin does it: remove it, and write `transfer { to ... }` beside the kubernetes block",
}

// unknown is the error for a property that does not exist. It says what there is instead.
func (b *block) unknown() error {
	if instead, ok := gone[b.option]; ok {
		return b.Errf("unknown property '%s': it is gone; %s", b.option, instead)
	}
	return b.Errf("unknown property '%s': expected one of %s", b.option, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
}

// count checks how many arguments there are.
func (b *block) count(o option, args []string) error {
	if o.min <= len(args) && len(args) <= o.max {
		return nil
	}
	return b.Errf("Wrong argument count after '%s': expected '%s', got %d", b.option, strings.TrimSpace(b.option+" "+o.usage), len(args))
}

// flag is an option without arguments.
func flag(set func(*block)) func(*block, []string) error {
	return func(b *block, _ []string) error {
		set(b)
		return nil
	}
}

func endpoint(b *block, args []string) error {
	if len(args) > 1 {
		b.warn("Multiple endpoints have been deprecated, only the first specified endpoint '%s' is used", args[0])
	}
	b.access.Endpoint = args[0]
	return nil
}

func tls(b *block, args []string) error {
	b.access.Cert, b.access.Key, b.access.CA = args[0], args[1], args[2]
	return nil
}

func kubeconfig(b *block, args []string) error {
	b.access.Kubeconfig = args[0]
	if len(args) == 2 {
		b.access.Context = args[1]
	}
	return nil
}

func apiserverQPS(b *block, args []string) error {
	qps, err := strconv.ParseFloat(args[0], 32)
	if err != nil || !(qps >= 0) {
		return b.Errf("invalid apiserver_qps %q: expected a number >= 0", args[0])
	}
	b.access.QPS = float32(qps)
	return nil
}

func apiserverBurst(b *block, args []string) (err error) {
	b.access.Burst, err = b.number(args[0])
	return err
}

func apiserverMaxInflight(b *block, args []string) (err error) {
	b.access.MaxInflight, err = b.number(args[0])
	return err
}

// number reads an integer that is not negative.
func (b *block) number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, b.Errf("invalid %s %q: expected an integer >= 0", b.option, text)
	}
	return n, nil
}

func snapshotFile(b *block, args []string) error {
	if b.snapshot != "" {
		return b.Errf("snapshot appears twice: expected one file")
	}
	if len(args) == 2 && args[1] != "keep" {
		return b.Errf("snapshot %s %s: expected 'snapshot FILE', which serves the file, or 'snapshot FILE keep', which keeps the API server's records in it", args[0], args[1])
	}
	path := args[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(b.File()), path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return b.Errf("snapshot %s: %v", args[0], err)
	}
	b.snapshot, b.keep = abs, len(args) == 2
	return nil
}

func namespaces(b *block, args []string) error {
	b.namespaces = append(b.namespaces, args...)
	return nil
}

func namespaceLabels(b *block, args []string) (err error) {
	b.names.SomeNamespaces = true
	b.namespaceLabels, err = b.selector("namespace_label", args)
	return err
}

func objectLabels(b *block, args []string) (err error) {
	b.names.SomeServices = true
	b.labels, err = b.selector("label", args)
	return err
}

func (b *block) selector(what string, args []string) (labels.Selector, error) {
	text := strings.Join(args, " ")
	s, err := labels.Parse(text)
	if err != nil {
		return nil, b.Errf("unable to parse %s selector value: '%v': %v", what, text, err)
	}
	return s, nil
}

func pods(b *block, args []string) error {
	modes := map[string]zone.PodMode{
		"disabled": zone.PodsDisabled,
		"insecure": zone.PodsInsecure,
		"verified": zone.PodsVerified,
	}
	mode, ok := modes[args[0]]
	if !ok {
		return b.Errf("wrong value for pods: %s,  must be one of: disabled, verified, insecure", args[0])
	}
	b.names.Pods = mode
	return nil
}

func ttl(b *block, args []string) error {
	t, err := strconv.Atoi(args[0])
	if err != nil || t < 0 || t > 3600 {
		return b.Errf("ttl must be in range [0, 3600]: %s", args[0])
	}
	b.config.ttl = uint32(t)
	return nil
}

func fallThrough(b *block, args []string) (err error) {
	if b.fallthroughZones, err = b.zonesOf(args); err != nil {
		return err
	}
	if len(args) == 0 {
		b.fallthroughZones = []string{"."}
	}
	apart := slices.DeleteFunc(slices.Clone(b.fallthroughZones), func(z string) bool {
		return slices.ContainsFunc(b.zones, func(own string) bool { return reply.InZone(z, own) || reply.InZone(own, z) })
	})
	if len(apart) > 0 {
		b.warn("fallthrough has no effect for %s: no zone of this block is above or below (%s)", strings.Join(apart, " "), strings.Join(b.zones, " "))
	}
	return nil
}

func ignore(b *block, args []string) error {
	if args[0] != "empty_service" {
		return b.Errf("unable to parse ignore value: expected empty_service, got '%s'", args[0])
	}
	b.names.IgnoreEmptyService = true
	return nil
}

func multicluster(b *block, args []string) (err error) {
	b.config.multicluster, err = b.zonesOf(args)
	return err
}

func startupTimeout(b *block, args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil || d <= 0 {
		return b.Errf("failed to parse startup_timeout: expected a duration such as 5s, got %s", args[0])
	}
	b.config.startupTimeout = d
	return nil
}

func resync(b *block, args []string) error {
	if args[0] == "off" {
		b.config.resync = 0
		return nil
	}
	d, err := time.ParseDuration(args[0])
	if err != nil || d < leastResync {
		return b.Errf("resync %s: expected off, or a duration of at least %v, such as %v", args[0], leastResync, defaultResync)
	}
	b.config.resync = d
	return nil
}

func expressLane(b *block, args []string) error {
	if args[0] != "off" {
		return b.Errf("express %s: the express lane is on by itself, unless a plugin beside us has to see the queries; expected 'express off', or no express at all", args[0])
	}
	b.config.expressOff = true
	return nil
}

func explainOff(b *block, args []string) error {
	if args[0] != "off" {
		return b.Errf("explain %s: answers without records say why, to queries with EDNS; expected 'explain off', or no explain at all", args[0])
	}
	b.config.explainOff = true
	return nil
}
