package corefile

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
)

// Options are what flags and files other than the Corefile say. Zero values stand for the
// defaults in parentheses.
type Options struct {
	ClusterDomain string   // (cluster.local) -cluster-domain, for __PILLAR__DNS__DOMAIN__
	ClusterDNS    []string // (the address of UpstreamService) for __PILLAR__CLUSTER__DNS__

	// UpstreamService (kube-dns) is a Service whose address Kubernetes puts into this pod's
	// environment: -upstreamsvc.
	UpstreamService string

	// UpstreamServers (/etc/resolv.conf) stand for __PILLAR__UPSTREAM__SERVERS__, and
	// StubDomains become server blocks; see ReadConfigMap.
	UpstreamServers []string
	StubDomains     map[string][]string

	LocalIPs []netip.Addr // -localip, for __PILLAR__LOCAL__DNS__ and __PILLAR__DNS__SERVER__
	Port     uint16       // (53) of blocks that name none: -dns.port

	Env func(name string) (value string, ok bool) // (os.LookupEnv)
}

// Load reads a Corefile and what it imports. An error names file, line, directive, what is
// wrong, and what was expected.
func Load(path string, o Options) (*Config, error) { return first(Check(path, o)) }

// Check is Load, but reads on where something is wrong, and returns all errors.
func Check(path string, o Options) (*Config, []error) {
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; -conf names the Corefile", err)
	}
	if err != nil {
		return nil, []error{err}
	}
	return check(path, text, o)
}

// Parse is Load of a Corefile's text. Its name stands in errors and is where relative imports
// begin.
func Parse(name string, text []byte, o Options) (*Config, error) { return first(check(name, text, o)) }

func first(c *Config, wrong []error) (*Config, error) {
	if len(wrong) > 0 {
		return nil, wrong[0]
	}
	return c, nil
}

// check returns a Config unless the file can't be split into server blocks.
func check(name string, text []byte, o Options) (*Config, []error) {
	o = o.withDefaults()
	domain, err := parseZone(o.ClusterDomain)
	if err != nil || domain[0].IsRoot() || strings.Contains(o.ClusterDomain, "/") {
		return nil, []error{fmt.Errorf("-cluster-domain %q, expected a domain name such as cluster.local", o.ClusterDomain)}
	}
	r := newReader(&o, name, o.fill(text))
	stanzas, err := r.stanzas()
	if err != nil {
		return nil, []error{err}
	}
	stanzas = append(stanzas, o.stubs()...)
	b := builder{opts: &o, conf: &Config{Files: r.files, Notes: r.notes, clusterDomain: domain[0]}}
	b.build(name, stanzas)
	return b.conf, b.wrong
}

func (o Options) withDefaults() Options {
	if o.ClusterDomain == "" {
		o.ClusterDomain = "cluster.local"
	}
	if o.UpstreamService == "" {
		o.UpstreamService = "kube-dns"
	}
	if o.Port == 0 {
		o.Port = 53
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if len(o.ClusterDNS) == 0 {
		if addr, _ := o.Env(o.serviceEnv()); addr != "" {
			o.ClusterDNS = []string{addr}
		}
	}
	return o
}

// serviceEnv returns the variable that holds UpstreamService's address: Kubernetes sets it in
// pods that are made after the Service, in the Service's namespace.
func (o *Options) serviceEnv() string {
	return strings.ToUpper(strings.ReplaceAll(o.UpstreamService, "-", "_")) + "_SERVICE_HOST"
}
