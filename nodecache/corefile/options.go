package corefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// Options are what flags and files other than the Corefile say. A zero value stands for the
// default in parentheses.
type Options struct {
	ClusterDomain string   // (cluster.local) -cluster-domain, for __PILLAR__DNS__DOMAIN__
	ClusterDNS    []string // (the address of UpstreamService) for __PILLAR__CLUSTER__DNS__

	// UpstreamService (kube-dns) is the Service whose address Kubernetes puts into this Pod's
	// environment: -upstreamsvc.
	UpstreamService string

	// UpstreamServers (/etc/resolv.conf) stand for __PILLAR__UPSTREAM__SERVERS__, and
	// StubDomains become server blocks; see ReadConfigMap.
	UpstreamServers []string
	StubDomains     map[string][]string

	LocalIPs []netip.Addr // -localip, for __PILLAR__LOCAL__DNS__ and __PILLAR__DNS__SERVER__
	Port     uint16       // (53) of zones without a port: -dns.port

	Env func(name string) (value string, ok bool) // (os.LookupEnv)
}

// Load reads a Corefile and its imports. An error names file, line and directive, and says what
// is wrong and what was expected.
func Load(path string, o Options) (*Config, error) { return first(Check(path, o)) }

// Check is Load, but reads on after an error. It returns all errors. The Config is nil if the
// file can't be divided into server blocks.
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

// first returns the first error alone.
func first(c *Config, wrong []error) (*Config, error) {
	if len(wrong) > 0 {
		return nil, wrong[0]
	}
	return c, nil
}

// check is Check for the text of a Corefile. Errors have its name in them, and relative imports
// start at the folder of the name.
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
		o.Port = portDNS
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

// serviceEnv returns the environment variable with UpstreamService's address. Kubernetes sets it
// in Pods that are younger than the Service, in the Service's namespace.
func (o *Options) serviceEnv() string {
	return strings.ToUpper(strings.ReplaceAll(o.UpstreamService, "-", "_")) + "_SERVICE_HOST"
}

// stubFile is the file name in errors about stub domains.
const stubFile = "kube-dns ConfigMap, stubDomains"

// stubs returns a server block for each stub domain, sorted by name. k8s-dns-node-cache makes the
// same blocks:
//
//	NAME:PORT {
//	    errors
//	    cache 30
//	    bind LOCALIPS
//	    forward . SERVERS
//	}
func (o *Options) stubs() []stanza {
	var all []stanza
	for i, name := range slices.Sorted(maps.Keys(o.StubDomains)) {
		line := func(words ...string) []caddyfile.Token { return tokensOf(i+1, words) }
		s := stanza{keys: line(name + ":" + strconv.Itoa(int(o.Port)))}
		s.directives = [][]caddyfile.Token{line("errors"), line("cache", "30")}
		if len(o.LocalIPs) > 0 {
			bind := []string{"bind"}
			for _, a := range o.LocalIPs {
				bind = append(bind, a.String())
			}
			s.directives = append(s.directives, line(bind...))
		}
		s.directives = append(s.directives, line(append([]string{"forward", "."}, o.StubDomains[name]...)...))
		all = append(all, s)
	}
	return all
}

func tokensOf(line int, words []string) []caddyfile.Token {
	tokens := make([]caddyfile.Token, len(words))
	for i, w := range words {
		tokens[i] = caddyfile.Token{File: stubFile, Line: line, Text: w}
	}
	return tokens
}

// maxFile is the largest file that is read here, in bytes. A ConfigMap is no larger.
const maxFile = 1 << 20

// readFile reads a regular file. A Corefile can name any file, and a pipe or a device might
// never end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return text, err
}
