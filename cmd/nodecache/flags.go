package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/nodecache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/intercept"
)

// flags is the command line: all flags of today's node-local cache (k8s-dns-node-cache), and ours.
type flags struct {
	conf, corefile, basecorefile  string
	localIPs                      []netip.Addr
	kubednscm, upstreamsvc        string
	metrics, prometheus           string
	port                          uint
	setupInterface, setupIptables bool
	interfaceName                 string
	healthPort                    uint
	syncInterval                  seconds
	reloadWithSignal              bool
	pidfile                       string

	clusterDomain, node, logFormat, probe string
	fallback, remove, identify, outside   bool
	checkOnly, version, flush             bool
	flushName                             string // empty for all
}

// seconds is a duration, or a bare number of seconds.
type seconds time.Duration

func (s *seconds) String() string { return time.Duration(*s).String() }

func (s *seconds) Set(text string) error {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		*s = seconds(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("expected a duration such as 60s, or a number of seconds")
	}
	*s = seconds(d)
	return nil
}

// parseFlags reads the command line.
func parseFlags(args []string) (*flags, error) {
	f := &flags{syncInterval: seconds(time.Minute)}
	set := flag.NewFlagSet("nodecache", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	f.define(set)
	err := instead(set, set.Parse(args))
	if err == flag.ErrHelp { // Parse does not wrap it
		usage(set)
		return nil, err
	}
	if err == nil {
		err = f.takeArgs(set.Args())
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see nodecache -help", err)
	}
	return f, nil
}

// instead adds to an error about an unknown flag the flag that differs from it in case and dashes only.
func instead(set *flag.FlagSet, err error) error {
	if err == nil {
		return nil
	}
	plain := strings.NewReplacer("-", "", "_", "", ".", "")
	_, name, found := strings.Cut(err.Error(), "flag provided but not defined: ")
	set.VisitAll(func(f *flag.Flag) {
		if found && strings.EqualFold(plain.Replace(name), plain.Replace(f.Name)) {
			err = fmt.Errorf("%w, expected perhaps -%s", err, f.Name)
		}
	})
	return err
}

// takeArgs takes the arguments that follow the flags.
func (f *flags) takeArgs(args []string) error {
	if f.flush && len(args) > 0 {
		f.flushName, args = args[0], args[1:]
	}
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

func usage(set *flag.FlagSet) {
	set.SetOutput(os.Stdout)
	fmt.Println("nodecache is a caching DNS resolver for a Kubernetes node.\n\nUsage: nodecache [flags]\n       nodecache -flush [NAME]\n\nFlags:")
	set.PrintDefaults()
}

// define names the flags.
func (f *flags) define(s *flag.FlagSet) {
	s.StringVar(&f.conf, "conf", "", "Corefile to read if there is no -basecorefile")
	s.StringVar(&f.corefile, "corefile", "/etc/Corefile", "the same as -conf")
	s.StringVar(&f.basecorefile, "basecorefile", "/etc/coredns/Corefile.base", "Corefile with __PILLAR__ variables; it is read rather than -conf if it exists")
	s.Func("localip", "addresses to answer on, separated by commas; also the values of __PILLAR__LOCAL__DNS__ and __PILLAR__DNS__SERVER__", f.setLocalIPs)
	s.UintVar(&f.port, "dns.port", 53, "port of server blocks that name none")
	s.UintVar(&f.port, "p", 53, "the same as -dns.port")
	s.StringVar(&f.kubednscm, "kubednscm", "", "directory where the kube-dns ConfigMap is mounted, for stubDomains and upstreamNameservers (default "+kubeDNSDir+" if that exists)")
	s.StringVar(&f.upstreamsvc, "upstreamsvc", "kube-dns", "Service of the cluster DNS; its address in the environment is the value of __PILLAR__CLUSTER__DNS__")
	s.StringVar(&f.clusterDomain, "cluster-domain", "cluster.local", "the cluster's domain")
	s.StringVar(&f.node, "node", "", "name or address of this node, by which it chooses among cluster DNS servers (default the host's name)")
	s.StringVar(&f.metrics, "metrics-listen-address", "0.0.0.0:9353", "address that serves /metrics, beside those in the Corefile; empty for none")
	s.StringVar(&f.prometheus, "prometheus-listen-address", "", "one more address that serves /metrics")
	s.BoolVar(&f.reloadWithSignal, "reloadwithsignal", false, "take in a changed Corefile though it has no reload directive")
	s.StringVar(&f.pidfile, "pidfile", "", "file to write the process's number to")
	s.BoolVar(new(bool), "quiet", false, "accepted, without effect: the log is short anyway")
	s.BoolVar(&f.identify, "identify", false, "answer queries for id.server and hostname.bind (RFC 4892) with the host's name")
	s.StringVar(&f.logFormat, "log-format", "text", "text or json")
	s.StringVar(&f.probe, "probe", "", "ask the nodecache that runs in this container whether it is live or ready, and exit")
	s.BoolVar(&f.flush, "flush", false, "make the nodecache that runs in this container forget what it keeps of NAME and of all names below it, or of all names, and exit")
	s.BoolVar(&f.checkOnly, "check", false, "read the Corefile, start nothing, and say what is refused and what differs from the stock programs")
	s.BoolVar(&f.version, "version", false, "print the version and exit")
	f.defineNode(s)
}

// defineNode names the flags about what the node should have. What they set up goes away with the
// process, but for -fallback's rule.
func (f *flags) defineNode(s *flag.FlagSet) {
	s.BoolVar(&f.setupInterface, "setupinterface", true, "give the node the addresses of -localip, on a device that goes away with this process")
	s.BoolVar(&f.setupIptables, "setupiptables", true, "keep queries to the addresses of -localip, and requests to -health-port there, out of connection tracking; the rules are in nf_tables and go away with this process")
	s.StringVar(&f.interfaceName, "interfacename", "neardns", "beginning of the device's name; the kernel adds a number")
	s.UintVar(&f.healthPort, "health-port", 8080, "port of /health at the addresses of -localip")
	s.BoolVar(new(bool), "skipteardown", false, "accepted, without effect: what this process sets up goes away with it")
	s.BoolVar(&f.fallback, "fallback", false, "let queries to -localip go on to the cluster DNS's Pods while no nodecache takes them, by a rule that outlives this process; for addresses that kube-proxy does not know")
	s.BoolVar(&f.outside, "answer-outside", false, "also answer other machines, whose queries come in by the network device of a default route; needed where Pods are on ipvlan devices of the node's network")
	s.BoolVar(&f.remove, "remove", false, "delete the rule that -fallback leaves on the node, and exit")
	s.Var(&f.syncInterval, "syncinterval", "accepted, without effect: the kernel tells when something changes on the node")
}

func (f *flags) setLocalIPs(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(word))
		if err != nil {
			return fmt.Errorf("%q is no IP address, expected such as 169.254.20.10,10.96.0.10", word)
		}
		addr = addr.Unmap()
		if addr.IsMulticast() {
			return fmt.Errorf("%s is the address of no host, expected such as 169.254.20.10", addr)
		}
		if !slices.Contains(f.localIPs, addr) {
			f.localIPs = append(f.localIPs, addr)
		}
	}
	return nil
}

// check checks the values.
func (f *flags) check() error {
	switch {
	case f.port < 1 || f.port > 65535:
		return fmt.Errorf("-dns.port %d, expected 1 to 65535", f.port)
	case f.healthPort < 1 || f.healthPort > 65535:
		return fmt.Errorf("-health-port %d, expected 1 to 65535", f.healthPort)
	case f.logFormat != "text" && f.logFormat != "json":
		return fmt.Errorf("-log-format %q, expected text or json", f.logFormat)
	case !isLabel(f.upstreamsvc):
		return fmt.Errorf("-upstreamsvc %q, expected the name of a Service, such as kube-dns", f.upstreamsvc)
	case f.fallback && len(f.localIPs) == 0:
		return errors.New("-fallback without -localip, expected the addresses whose queries go on")
	case (f.setupInterface || f.setupIptables) && slices.ContainsFunc(f.localIPs, netip.Addr.IsUnspecified):
		return errors.New("-localip has the address of no host, expected such as 169.254.20.10; to listen everywhere goes with -setupinterface=false and -setupiptables=false only")
	case f.probe != "" && f.probe != "live" && f.probe != "ready":
		return fmt.Errorf("-probe %q, expected live or ready", f.probe)
	}
	return cmp.Or(checkAddr("-metrics-listen-address", f.metrics), checkAddr("-prometheus-listen-address", f.prometheus))
}

// isLabel reports whether text may be the name of a Service.
func isLabel(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// checkAddr checks the address that serves pages. Empty stands for none.
func checkAddr(name, addr string) error {
	if addr != "" && !corefile.IsListenAddr(addr) {
		return fmt.Errorf("%s %q, expected an address such as :9353 or 127.0.0.1:9353", name, addr)
	}
	return nil
}

// corefilePath returns the path of the Corefile to read.
func (f *flags) corefilePath() string {
	if _, err := os.Stat(f.basecorefile); err == nil {
		return f.basecorefile
	}
	if f.conf != "" {
		return f.conf
	}
	return f.corefile
}

// kubeDNSDir is where the official manifest mounts the kube-dns ConfigMap. No flag names it there.
const kubeDNSDir = "/etc/kube-dns"

// configMap returns the directory of the kube-dns ConfigMap, empty for none.
func (f *flags) configMap() string {
	if f.kubednscm == "" {
		if _, err := os.Stat(kubeDNSDir); err == nil {
			return kubeDNSDir
		}
	}
	return f.kubednscm
}

// config returns what the flags say, but for the log and the memory.
func (f *flags) config() nodecache.Config {
	c := nodecache.Config{
		Corefile: f.corefilePath(), KubeDNS: f.configMap(),
		Options: corefile.Options{
			ClusterDomain: f.clusterDomain, UpstreamService: f.upstreamsvc, LocalIPs: f.localIPs, Port: uint16(f.port),
		},
		Host: intercept.Host{
			Addrs: f.localIPs, Port: uint16(f.port), HealthPort: uint16(f.healthPort),
			Interface: f.setupInterface, Prefix: f.interfaceName, Rules: f.setupIptables, Outside: f.outside, Fallback: f.fallback,
		},
		Watch: f.reloadWithSignal, Node: f.node,
		Version: version(), Revision: revision(),
	}
	for _, addr := range []string{f.metrics, f.prometheus} {
		if addr != "" {
			c.MetricsAddrs = append(c.MetricsAddrs, addr)
		}
	}
	host, _ := os.Hostname()
	c.Node = cmp.Or(c.Node, host)
	if f.identify {
		c.Identity = host
	}
	return c
}

// gitCommit is set by the build.
var gitCommit string

// version returns the module's version, or devel.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

func revision() string { return gitCommit }

func versionText() string { return strings.TrimSpace(version() + " " + revision()) }
