package kubernetes

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// options are the properties of a block. README describes each one.
var options = map[string]func(b *block, args []string) error{
	"endpoint":               api(endpoint),
	"tls":                    api(tls),
	"kubeconfig":             api(kubeconfig),
	"apiserver_qps":          api(apiserverQPS),
	"apiserver_burst":        api(apiserverBurst),
	"apiserver_max_inflight": api(apiserverMaxInflight),
	"snapshot":               snapshotFile,
	"namespaces":             namespaces,
	"namespace_labels":       namespaceLabels,
	"labels":                 objectLabels,
	"pods":                   pods,
	"endpoint_pod_names":     flag(func(b *block) { b.podNames = true }),
	"noendpoints":            flag(func(b *block) { b.noEndpoints = true }),
	"zonal":                  flag(func(b *block) { b.names.Zonal = true }),
	"ttl":                    ttl,
	"fallthrough":            fallThrough,
	"ignore":                 ignore,
	"multicluster":           multicluster,
	"startup_timeout":        startupTimeout,
}

// api marks an option that is about the API server, which a snapshot does without.
func api(option func(*block, []string) error) func(*block, []string) error {
	return func(b *block, args []string) error {
		b.apiOption = b.option
		return option(b, args)
	}
}

// flag is an option without arguments.
func flag(set func(*block)) func(*block, []string) error {
	return func(b *block, args []string) error {
		if len(args) > 0 {
			return b.ArgErr()
		}
		set(b)
		return nil
	}
}

func endpoint(b *block, args []string) error {
	if len(args) == 0 {
		return b.ArgErr()
	}
	if len(args) > 1 {
		log.Warningf("Multiple endpoints have been deprecated, only the first specified endpoint '%s' is used", args[0])
	}
	b.access.Endpoint = args[0]
	return nil
}

func tls(b *block, args []string) error {
	if len(args) != 3 {
		return b.ArgErr()
	}
	b.access.Cert, b.access.Key, b.access.CA = args[0], args[1], args[2]
	return nil
}

func kubeconfig(b *block, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return b.ArgErr()
	}
	b.access.Kubeconfig = args[0]
	if len(args) == 2 {
		b.access.Context = args[1]
	}
	return nil
}

func apiserverQPS(b *block, args []string) error {
	if len(args) != 1 {
		return b.ArgErr()
	}
	qps, err := strconv.ParseFloat(args[0], 32)
	if err != nil || !(qps >= 0) {
		return b.Errf("invalid apiserver_qps %q: expected a number >= 0", args[0])
	}
	b.access.QPS = float32(qps)
	return nil
}

func apiserverBurst(b *block, args []string) (err error) {
	b.access.Burst, err = b.count(args)
	return err
}

func apiserverMaxInflight(b *block, args []string) (err error) {
	b.access.MaxInflight, err = b.count(args)
	return err
}

// count reads the one argument of an option, an integer that is not negative.
func (b *block) count(args []string) (int, error) {
	if len(args) != 1 {
		return 0, b.ArgErr()
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return 0, b.Errf("invalid %s %q: expected an integer >= 0", b.option, args[0])
	}
	return n, nil
}

func snapshotFile(b *block, args []string) error {
	if len(args) != 1 {
		return b.ArgErr()
	}
	path := args[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(b.File()), path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return b.Errf("snapshot %s: %v", args[0], err)
	}
	b.snapshot = abs
	return nil
}

func namespaces(b *block, args []string) error {
	if len(args) == 0 {
		return b.ArgErr()
	}
	b.namespaces = append(b.namespaces, args...)
	return nil
}

func namespaceLabels(b *block, args []string) (err error) {
	b.namespaceLabels, err = b.selector("namespace_label", args)
	return err
}

func objectLabels(b *block, args []string) (err error) {
	b.labels, err = b.selector("label", args)
	return err
}

func (b *block) selector(what string, args []string) (labels.Selector, error) {
	if len(args) == 0 {
		return nil, b.ArgErr()
	}
	text := strings.Join(args, " ")
	s, err := labels.Parse(text)
	if err != nil {
		return nil, b.Errf("unable to parse %s selector value: '%v': %v", what, text, err)
	}
	return s, nil
}

func pods(b *block, args []string) error {
	if len(args) != 1 {
		return b.ArgErr()
	}
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
	if len(args) == 0 {
		return b.ArgErr()
	}
	t, err := strconv.Atoi(args[0])
	if err != nil || t < 0 || t > 3600 {
		return b.Errf("ttl must be in range [0, 3600]: %s", args[0])
	}
	b.config.ttl = uint32(t) // #nosec G115 -- in range
	return nil
}

func fallThrough(b *block, args []string) error {
	b.fall.SetZonesFromArgs(args)
	return nil
}

func ignore(b *block, args []string) error {
	if len(args) != 1 || args[0] != "empty_service" {
		return b.Errf("unable to parse ignore value: expected empty_service, got '%s'", strings.Join(args, " "))
	}
	b.names.IgnoreEmptyService = true
	return nil
}

func multicluster(b *block, args []string) error {
	b.config.multicluster = plugin.OriginsFromArgsOrServerBlock(args, nil)
	return nil
}

func startupTimeout(b *block, args []string) error {
	if len(args) == 0 {
		return b.ArgErr()
	}
	d, err := time.ParseDuration(args[0])
	if err != nil || d <= 0 {
		return b.Errf("failed to parse startup_timeout: expected a duration such as 5s, got %s", args[0])
	}
	b.config.startupTimeout = d
	return nil
}
