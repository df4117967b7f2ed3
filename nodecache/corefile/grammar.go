package corefile

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/neardns/neardns/nodecache/upstream"
)

// directive is a row of the table of directives: all that is particular about one.
type directive struct {
	name     string
	usage    string // its arguments, as errors show them
	min, max int    // how many arguments there may be
	often    often  // how often it may stand
	plugin   string // its name in coredns_plugin_enabled; empty if CoreDNS does not report it there

	read    parseFunc                             // reads the arguments
	options []option                              // the lines that its block may have
	line    func(p *parser, words []string) error // reads a line that is none of options; nil: an error
	finish  func(p *parser) error                 // reads or checks what depends on the options

	ignored string   // in place of read: why the directive has no meaning here
	differs []string // what it does here and not in CoreDNS 1.15.0
}

// option is a row of a directive's options: all that is particular about a line of its block.
type option struct {
	name     string
	usage    string // its arguments, as errors show them
	min, max int    // how many arguments there may be
	again    bool   // it may stand more than once, and adds up; of any other, the last one counts

	read parseFunc // reads the arguments

	ignored string // in place of read: why the option has no meaning here
	refused string // in place of read: why it is an error, and what to do
	differs string // what the node cache does without it and CoreDNS 1.15.0 does not, and how to have it as there
}

// parseFunc reads the arguments of a directive or an option. The parser has counted them.
type parseFunc func(p *parser, args []string) error

// many is the max of a row that takes any number of arguments.
const many = math.MaxInt

// often says how often a directive may stand.
type often uint8

const (
	perBlock   often = iota // once in a server block
	perProcess              // once in the Corefile
	anyNumber               // any number of times in a block
)

// directives are all directives that the node cache accepts. They stand in a server block, and
// their options within their own { }. To add an option, add its row here and use what it sets.
var directives = []directive{
	// Of a server block. What they set is in Block.
	{
		name: "bind", usage: "ADDRESS|INTERFACE...", min: 1, max: many, often: anyNumber, read: readBind, finish: finishBind,
		options: []option{
			{name: "except", usage: "ADDRESS|INTERFACE...", min: 1, max: many, read: bindExcept},
		},
	},
	{name: "bufsize", usage: "[SIZE]", max: 1, plugin: "bufsize", read: readBufsize},
	{
		name: "cache", usage: "[TTL] [ZONES...]", max: many, plugin: "cache", read: readCache, finish: finishCache, options: cacheOptions,
		differs: []string{
			"answers from upstream are never passed on as authoritative, not even the first one",
			"ANY over UDP is answered with one set of records (RFC 8482), over TCP with all",
		},
	},
	{name: "debug", read: flag(func(p *parser) *bool { return &p.block.Debug })},
	{
		name: "errors", usage: "[stdout]", max: 1, plugin: "errors", read: readErrors,
		options: []option{
			{name: "stacktrace", ignored: "errors have no stack, and a panic is always logged with its stack"},
			{name: "consolidate", usage: "DURATION REGEXP [debug|info|warning|error] [show_first]", min: 2, max: 4, again: true, read: errorsConsolidate},
		},
	},
	{name: "family", usage: "ipv4", min: 1, max: 1, plugin: "template", read: readFamily}, // ours
	{
		name: "forward", usage: "FROM TO...", min: 2, max: many, often: anyNumber, plugin: "forward",
		read: readForward, finish: finishForward, options: forwardOptions,
		differs: []string{fmt.Sprintf("over TCP and TLS, a server gets at most %d connections, each for many queries at a time, "+
			"and a query without an answer is sent to another server after some %s", upstream.DefaultMaxConns, upstream.DefaultHedge)},
	},
	{name: "hosts", usage: "[FILE [ZONES...]]", max: many, plugin: "hosts", read: readHosts, line: hostsLine, finish: finishHosts, options: hostsOptions},
	{
		name: "log", usage: "[NAMES...] [FORMAT]", max: many, often: anyNumber, plugin: "log", read: readLog, finish: finishLog,
		options: []option{
			{name: "class", usage: "all|success|denial|error...", min: 1, max: many, again: true, read: logClass},
		},
		differs: []string{"entries are structured (-log-format), and an entry is dropped rather than an answer delayed"},
	},
	{
		name: "loop", plugin: "loop", read: flag(func(p *parser) *bool { return &p.block.Loop }),
		differs: []string{"an upstream that leads back here is set aside and reported; the process goes on"},
	},
	{
		name: "prometheus", usage: "[ADDRESS]", max: 1, plugin: "prometheus", read: readPrometheus,
		options: []option{
			{name: "runtime_metrics", ignored: "the usual metrics of the Go runtime are always served"},
			{name: "tls", refused: "metrics are served unencrypted, expected no tls, and an address that only a proxy reaches"},
		},
	},
	{name: "template", usage: "IN AAAA [ZONES...]", min: 2, max: many, often: anyNumber, plugin: "template", read: readTemplate, line: templateLine, options: templateOptions},

	// Of the process, whichever block they stand in. What they set is in Config.
	{
		name: "health", usage: "[ADDRESS]", max: 1, read: readHealth,
		options: []option{
			{name: "lameduck", usage: "DURATION", min: 1, max: 1, read: healthLameduck},
		},
		differs: []string{"/health asks every socket of this process; during an upgrade a second process may share its port"},
	},
	{
		name: "pprof", usage: "[ADDRESS]", max: 1, often: perProcess, read: readPprof,
		options: []option{
			{name: "block", usage: "[RATE]", max: 1, read: pprofBlock},
		},
	},
	{
		name: "ready", usage: "[ADDRESS]", max: 1, read: readReady,
		options: []option{
			{name: "monitor", usage: "until-ready|continuously", min: 1, max: 1, read: readyMonitor},
		},
	},
	{
		name: "reload", usage: "[INTERVAL] [JITTER]", max: 2, read: readReload,
		differs: []string{"a changed Corefile is taken in without losing a query, a connection or what is cached"},
	},

	// Without a meaning here.
	{name: "loadbalance", ignored: "addresses are always rotated"},
	{name: "timeouts", ignored: "the limits of client connections are fixed"},
	{name: "trace", ignored: "nothing is traced"},
	{name: "whoami", ignored: "the block's other directives answer"},
}

var cacheOptions = []option{
	{name: "success", usage: "CAPACITY [TTL] [MINTTL]", min: 1, max: 3, read: cacheSuccess},
	{name: "denial", usage: "CAPACITY [TTL] [MINTTL]", min: 1, max: 3, read: cacheDenial},
	{
		name: "serve_stale", usage: "off, or serve_stale [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]", max: 5, read: cacheStale,
		differs: fmt.Sprintf("while an upstream is out, names outside the cluster are answered from expired entries, for %s at most; serve_stale off switches it off", short(staleFor)),
	},
	{name: "serve_stale_policy", usage: "prefer_positive", min: 1, max: 1, read: cacheStalePolicy},
	{
		name: "servfail", usage: "DURATION", min: 1, max: 1, read: cacheServfail,
		differs: fmt.Sprintf("a SERVFAIL is kept for %s at first instead of 5s; servfail 5s has it as in CoreDNS", servfailFirst),
	},
	{
		name: "prefetch", usage: "AMOUNT [DURATION [PERCENTAGE%]]", min: 1, max: 3, read: cachePrefetch,
		differs: fmt.Sprintf("names asked for %d times, never more than %s apart, are asked for again before they expire; prefetch 0 switches it off", prefetchHits, short(prefetchGap)),
	},
	{name: "keepttl", read: flag(func(p *parser) *bool { return &p.block.Cache.Policy.KeepTTL })},
	{name: "disable", usage: "success|denial [ZONES...]", min: 1, max: many, again: true, read: cacheDisable},
	{
		name: "cut", usage: "off", min: 1, max: 1, read: cacheCut, // ours
		differs: "in a namespace that exists, names below one that does not exist are denied without asking (RFC 8020); cut off switches it off",
	},
}

var forwardOptions = []option{
	// Which names, which servers.
	{name: "except", usage: "NAMES...", min: 1, max: many, again: true, read: forwardExcept},
	{name: "follow", usage: "NAME [PORT]", min: 1, max: 2, read: forwardFollow}, // ours
	{name: "resolver", usage: "IP[:PORT]...", min: 1, max: many, read: forwardResolver},
	{name: "policy", usage: "random|round_robin|sequential", min: 1, max: 1, read: forwardPolicy},
	// What counts as an answer.
	{name: "next", usage: "RCODE...", min: 1, max: many, again: true, read: forwardNext},
	{name: "next_on_nodata", read: flag(func(p *parser) *bool { return &p.forward.NextOnNodata })},
	{name: "failover", usage: "RCODE...", min: 1, max: many, again: true, read: forwardFailover},
	// Connections.
	{name: "force_tcp", read: flag(func(p *parser) *bool { return &p.forward.forceTCP })},
	{name: "prefer_udp", ignored: "queries go over UDP unless force_tcp is set"},
	{name: "source_address", usage: "IP", min: 1, max: 1, read: forwardSource},
	{name: "tls", usage: "[CA], tls CERT KEY or tls CERT KEY CA", max: 3, read: forwardTLS},
	{name: "tls_servername", usage: "NAME", min: 1, max: 1, read: forwardServerName},
	{name: "doh_method", usage: "GET|POST", min: 1, max: 1, ignored: "no server is asked over HTTPS"},
	{name: "expire", usage: "DURATION", min: 1, max: 1, read: forwardExpire},
	{name: "max_age", usage: "DURATION", min: 1, max: 1, read: forwardMaxAge},
	{name: "max_idle_conns", usage: "INTEGER", min: 1, max: 1, ignored: fmt.Sprintf("there are never more than %d connections to a server", upstream.DefaultMaxConns)},
	// Limits, and servers that fail.
	{name: "max_concurrent", usage: "MAX", min: 1, max: 1, read: number(0, func(p *parser) *int { return &p.forward.Upstream.MaxConcurrent })},
	{name: "max_connect_attempts", usage: "NUMBER", min: 1, max: 1, read: forwardMaxAsks},
	{name: "read_timeout", usage: "DURATION", min: 1, max: 1, read: duration(aboveZero, func(p *parser) *time.Duration { return &p.forward.Upstream.ReadTimeout })},
	{name: "max_fails", usage: "NUMBER", min: 1, max: 1, read: forwardMaxFails},
	{name: "health_check", usage: "DURATION [no_rec] [domain FQDN]", min: 1, max: 4, read: forwardHealthCheck},
	{name: "failfast_all_unhealthy_upstreams", read: flag(func(p *parser) *bool { return &p.forward.Upstream.FailFast })},
}

// Any other line of hosts is one of a hosts file; see hostsLine.
var hostsOptions = []option{
	{name: "ttl", usage: "SECONDS", min: 1, max: 1, read: hostsTTL},
	{name: "reload", usage: "DURATION", min: 1, max: 1, read: duration(0, func(p *parser) *time.Duration { return &p.block.Hosts.Reload })},
	{name: "no_reverse", read: flag(func(p *parser) *bool { return &p.block.Hosts.NoReverse })},
	{name: "fallthrough", usage: "[ZONES...]", max: many, read: hostsFallthrough},
	{name: "fallthrough_unsupported", read: flag(func(p *parser) *bool { return &p.block.Hosts.FallthroughUnsupported })},
}

// The only template that the node cache has answers AAAA with NODATA. Any other line is an error;
// see templateLine.
var templateOptions = []option{
	{name: "rcode", usage: "NOERROR", min: 1, max: 1, read: templateRcode},
	{name: "match", usage: "REGEXP...", min: 1, max: many, read: templateMatch},
	{name: "authority", usage: "RR...", min: 1, max: many, read: templateAuthority},
	{name: "fallthrough", usage: "[ZONES...]", max: many, read: noEffect}, // every name matches
	{name: "upstream", usage: "[ADDRESS...]", max: many, read: noEffect},
}

// elsewhere are the directives of CoreDNS 1.15.0 that the node cache does not have.
const elsewhere = "acl any auto autopath azure cancel chaos clouddns dns64 dnssec dnstap dynupdate erratic etcd " +
	"file geoip grpc grpc_server header https https3 k8s_external kubernetes local metadata minimal multisocket " +
	"nomad nsid on proxyproto quic rewrite root route53 secondary shed siit sign tls transfer tsig view"

// gone are directives that CoreDNS had once, and what to write instead.
var gone = map[string]string{
	"proxy":    "forward FROM TO...",
	"upstream": "nothing: the server that is asked follows aliases",
}

// findDirective returns the row of a directive, nil if there is none.
func findDirective(name string) *directive {
	if i := slices.IndexFunc(directives, func(d directive) bool { return d.name == name }); i >= 0 {
		return &directives[i]
	}
	return nil
}

// option returns the row of one of d's options, nil if there is none.
func (d *directive) option(name string) *option {
	if i := slices.IndexFunc(d.options, func(o option) bool { return o.name == name }); i >= 0 {
		return &d.options[i]
	}
	return nil
}

// takesBlock reports whether lines within { } may follow.
func (d *directive) takesBlock() bool { return len(d.options) > 0 || d.line != nil }

// optionNames returns the names of d's options, without those that are refused.
func (d *directive) optionNames() (names []string) {
	for _, o := range d.options {
		if o.refused == "" {
			names = append(names, o.name)
		}
	}
	return names
}

// directiveNames returns the names of all directives, sorted.
func directiveNames() (names []string) {
	for _, d := range directives {
		names = append(names, d.name)
	}
	slices.Sort(names)
	return names
}

// isElsewhere reports whether the cluster DNS may have a directive that the node cache lacks.
func isElsewhere(name string) bool { return slices.Contains(strings.Fields(elsewhere), name) }

// flag reads a directive or an option without arguments.
func flag(of func(p *parser) *bool) parseFunc {
	return func(p *parser, _ []string) error {
		*of(p) = true
		return nil
	}
}

// aboveZero is the least duration that is not 0.
const aboveZero = time.Nanosecond

// duration reads one duration, which must be at least as long as least.
func duration(least time.Duration, of func(p *parser) *time.Duration) parseFunc {
	return func(p *parser, args []string) (err error) {
		*of(p), err = p.duration(args[0], least)
		return err
	}
}

// number reads one whole number, at least as large as least.
func number(least int, of func(p *parser) *int) parseFunc {
	return func(p *parser, args []string) (err error) {
		*of(p), err = p.number(args[0], least, math.MaxInt32)
		return err
	}
}

// noEffect reads an option that changes nothing.
func noEffect(*parser, []string) error { return nil }
