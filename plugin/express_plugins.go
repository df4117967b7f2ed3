package kubernetes

import (
	"slices"
	"strconv"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnsutil"
	"github.com/neardns/neardns/plugin/reply"
)

// rule is what a plugin means for the express lane.
type rule struct {
	reach reach
	off   func(*use) bool // it switches the lane off, in its reach; nil: whatever stands behind it
	why   string          // it does, to be read behind the plugin's name
}

// reach says whose lane a plugin may switch off.
type reach int

const (
	nobody     reach = iota // it never touches an answer of ours
	inChain                 // its block's, if it stands before kubernetes in the order of plugins
	inBlock                 // its block's
	atListener              // that of all blocks that listen at an address of its block
	anywhere                // that of all blocks
)

// What several plugins do.
const (
	answersFirst = "may answer first"
	seesAll      = "must see every query"
	changes      = "may change every answer"
)

// rules are all plugins of CoreDNS 1.15.0 (dnsserver.Directives). A plugin that is not among them
// switches the lane off for its block.
var rules = map[string]rule{
	// These see no query, or do nothing to one that we answer.
	"root":        {},
	"metadata":    {}, // it collects for plugins that have rules of their own
	"geoip":       {}, // metadata only
	"cancel":      {}, // a time limit, and our answers wait for nothing
	"quic":        {}, // another transport
	"grpc_server": {}, // another transport
	"https":       {}, // another transport
	"https3":      {}, // another transport
	"timeouts":    {}, // the lane's listener keeps them
	"multisocket": {}, // more sockets of CoreDNS's beside the lane's
	"reload":      {},
	"nsid":        {}, // a query that asks for it is passed on
	"bufsize":     {}, // the lane keeps to it
	"bind":        {}, // the lane listens at the same addresses
	"debug":       {},
	"ready":       {},
	"health":      {},
	"pprof":       {},
	"shed":        {}, // it queues what CoreDNS's own sockets send
	"prometheus":  {}, // the lane counts, too
	"errors":      {}, // our answers bring no error
	"chaos":       {}, // class CH, which is passed on
	"transfer":    {}, // AXFR and IXFR, which are passed on
	"kubernetes":  {},
	"on":          {}, // commands at start and stop
	"sign":        {}, // it signs files

	// The whole server behaves otherwise.
	"proxyproto": {atListener, nil, "puts the client's address before each query"},
	"dynupdate":  {atListener, nil, "has CoreDNS take updates, which no other listener does"},
	"tsig":       {atListener, nil, "checks the signatures of all queries to this address"},
	"tls":        {anywhere, answersACME, "may answer the challenges of ACME first, in all blocks"},
	"view":       {inBlock, nil, "decides for each query whether this block answers it"},

	// These stand in the chain, most of them before us.
	"trace":        {inChain, nil, seesAll},
	"log":          {inChain, logsUs, seesAll},
	"dnstap":       {inChain, nil, seesAll},
	"local":        {inChain, nil, "answers names that begin with localhost"},
	"dns64":        {inChain, nil, changes},
	"siit":         {inChain, nil, changes},
	"any":          {inChain, nil, "answers queries of the type ANY"},
	"loadbalance":  {inChain, ordersOtherwise, "puts addresses into an order of its own"},
	"rewrite":      {inChain, nil, "may change every query and answer"},
	"autopath":     {inChain, about(allButLast), "answers for the whole search path"},
	"acl":          {inChain, about(all), "may refuse or drop every query"},
	"cache":        {inChain, changesTTL, "would change the TTL of our answers"},
	"header":       {inChain, nil, "may change every query and answer"},
	"dnssec":       {inChain, about(all), "signs answers"},
	"minimal":      {inChain, nil, "takes the additional records away"},
	"template":     {inChain, about(behindTwo), answersFirst},
	"hosts":        {inChain, namesUs, answersFirst},
	"route53":      {inChain, nil, answersFirst},
	"azure":        {inChain, nil, answersFirst},
	"clouddns":     {inChain, nil, answersFirst},
	"k8s_external": {inChain, nil, answersFirst},
	"file":         {inChain, nil, answersFirst},
	"auto":         {inChain, nil, answersFirst},
	"secondary":    {inChain, nil, answersFirst},
	"etcd":         {inChain, nil, answersFirst},
	"loop":         {inChain, nil, seesAll},
	"forward":      {inChain, nil, answersFirst},
	"grpc":         {inChain, nil, answersFirst},
	"erratic":      {inChain, nil, answersFirst},
	"whoami":       {inChain, nil, answersFirst},
	"nomad":        {inChain, nil, answersFirst},
}

// use is a plugin in a server block, seen from the kubernetes block that it may concern.
type use struct {
	lines []line  // of the directive, each time that it stands in the block
	conf  *config // of the kubernetes block
}

// line is a directive and its block.
type line struct {
	args  []string
	block [][]string // the words of each line
}

// readLines reads the words of a directive, which CoreDNS has accepted.
func readLines(tokens []caddyfile.Token) (lines []line) {
	d := caddyfile.NewDispenserTokens("", tokens)
	for d.Next() {
		l := line{args: d.RemainingArgs()}
		for d.NextBlock() {
			l.block = append(l.block, append([]string{d.Val()}, d.RemainingArgs()...))
		}
		lines = append(lines, l)
	}
	return lines
}

// beforeUs reports whether queries meet a plugin before they meet kubernetes.
func beforeUs(name string) bool {
	return slices.Index(dnsserver.Directives, name) < slices.Index(dnsserver.Directives, pluginName)
}

// concerns reports whether one of these zones is above or below one of ours. No zones stand for
// those of the server block.
func (u *use) concerns(zones []string) bool {
	return len(zones) == 0 || slices.ContainsFunc(plugin.OriginsFromArgsOrServerBlock(zones, nil), func(z string) bool {
		return slices.ContainsFunc(u.conf.zones, func(own string) bool { return reply.InZone(z, own) || reply.InZone(own, z) })
	})
}

// about returns a test for plugins whose arguments name zones, which pick finds.
func about(pick func(args []string) (zones []string)) func(*use) bool {
	return func(u *use) bool {
		return slices.ContainsFunc(u.lines, func(l line) bool { return u.concerns(pick(l.args)) })
	}
}

func all(args []string) []string        { return args }
func allButLast(args []string) []string { return args[:max(len(args)-1, 0)] }
func behindTwo(args []string) []string  { return args[min(2, len(args)):] } // template CLASS TYPE [ZONE...]

// logsUs reports whether log writes lines about our answers: log [NAME...] [FORMAT]. They are never
// of the class error. SERVFAIL, before the records are complete, is passed on.
func logsUs(u *use) bool {
	return slices.ContainsFunc(u.lines, func(l line) bool {
		var classes []string
		for _, words := range l.block {
			classes = append(classes, words[1:]...)
		}
		names := slices.DeleteFunc(slices.Clone(l.args), func(arg string) bool { return strings.Contains(arg, "{") })
		errors := len(classes) > 0 && !slices.ContainsFunc(classes, func(class string) bool { return class != "error" })
		return !errors && u.concerns(names)
	})
}

// namesUs reports whether hosts has zones of ours: hosts [FILE [ZONE...]]. It answers at reverse
// names whatever its zones are, unless no_reverse stands in its block.
func namesUs(u *use) bool {
	reverse := u.concerns([]string{"in-addr.arpa.", "ip6.arpa."})
	return slices.ContainsFunc(u.lines, func(l line) bool {
		none := slices.ContainsFunc(l.block, func(words []string) bool { return words[0] == "no_reverse" })
		return reverse && !none || u.concerns(l.args[min(1, len(l.args)):])
	})
}

// ordersOtherwise reports whether loadbalance does more than to let sets of addresses begin
// anywhere.
func ordersOtherwise(u *use) bool {
	return slices.ContainsFunc(u.lines, func(l line) bool {
		return len(l.block) > 0 || len(l.args) > 0 && l.args[0] != "round_robin"
	})
}

// answersACME reports whether tls gets its certificate by ACME. It then stands in the chain of all
// blocks, and answers TXT queries for _acme-challenge.
func answersACME(u *use) bool {
	return slices.ContainsFunc(u.lines, func(l line) bool { return len(l.args) == 0 })
}

// limits are those that the cache plugin keeps TTLs in, in seconds.
type limits struct{ least, most uint32 }

// keep reports whether the limits leave a TTL as it is.
func (l limits) keep(ttl uint32) bool { return min(max(ttl, l.least), l.most) == ttl }

// read takes what stands behind success or denial: CAPACITY [TTL [MINTTL]].
func (l *limits) read(args []string) {
	for i, limit := range []*uint32{&l.most, &l.least} {
		if n, ok := ttlAt(args, i+1); ok {
			*limit = n
		}
	}
}

func ttlAt(args []string, i int) (ttl uint32, ok bool) {
	if i >= len(args) {
		return 0, false
	}
	n, err := strconv.ParseUint(args[i], 10, 31)
	return uint32(n), err == nil
}

// changesTTL reports whether the cache gives an answer of ours another TTL: cache [TTL] [ZONE...].
// It sets the TTL of all records in a message to the least of them, within its limits, whether it
// keeps the message or not (plugin/cache, ResponseWriter.WriteMsg). That the TTL then counts down
// is what every client expects. The one record with a TTL of its own, dns-version's, is passed on.
func changesTTL(u *use) bool {
	return slices.ContainsFunc(u.lines, func(l line) bool {
		success := limits{uint32(dnsutil.MinimalDefaultTTL.Seconds()), uint32(dnsutil.MaximumDefaultTTL.Seconds())}
		denial := limits{success.least, success.most / 2}
		zones := l.args
		if ttl, ok := ttlAt(l.args, 0); ok {
			success.most, denial.most, zones = ttl, ttl, l.args[1:]
		}
		for _, words := range l.block {
			switch words[0] {
			case "success":
				success.read(words[1:])
			case "denial":
				denial.read(words[1:])
			}
		}
		ttl, soa := u.conf.ttl, min(u.conf.ttl, reply.MaxSOATTL)
		return u.concerns(zones) && !(success.keep(ttl) && success.keep(soa) && denial.keep(soa))
	})
}
