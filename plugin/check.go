package kubernetes

import (
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/neardns/neardns/plugin/snapshot"
	"github.com/neardns/neardns/plugin/zone"
)

// differences are what a block means here and not in the stock plugin, as far as an operator may
// notice it. README has them all.
var differences = []struct {
	text string
	when func(*config) bool
}{
	{"before the first sync every name gets SERVFAIL, reverse zones with fallthrough included", always},
	{"a name above others, such as dns.cluster.local or _tcp.web.my-ns.svc.cluster.local, gets NODATA instead of NXDOMAIN (RFC 8020)", always},
	{"an ExternalName whose target does not exist gets NXDOMAIN, and one whose target can't be looked up SERVFAIL, both with its CNAME record (RFC 6604)", always},
	{"over UDP at most 1,232 bytes are sent, unless bufsize is in the same server block (RFC 9715)", always},
	{"with EDNS in the query, an answer without records, and SERVFAIL, says why (RFC 8914); explain off switches it off", func(c *config) bool { return !c.explainOff }},
	{"PTR answers with names that resolve, and no others", always},
	{"a new name of which only a part has come from the API server yet, such as a Service before its endpoints, gets NODATA instead of NXDOMAIN", always},
	{"after it was away, the API server is followed again within some 5 s", always},
	{"the versions of all objects are compared with the API server's every few minutes; resync says how often",
		func(c *config) bool { return c.resync > 0 && (c.snapshot == "" || c.keep) }},
	{"namespaces: nothing of other namespaces is watched, and Roles in these suffice", func(c *config) bool { return len(c.namespaces) > 0 }},
	{"namespace_labels with multicluster: selects namespaces, whatever labels ServiceImports have themselves",
		func(c *config) bool { return c.namespaceLabels != nil && len(c.multicluster) > 0 }},
	{"pods verified: a Pod that is terminating has its name until it is gone", func(c *config) bool { return c.names.Pods == zone.PodsVerified }},
	{"multicluster: a ServiceImport without ports has its addresses", func(c *config) bool { return len(c.multicluster) > 0 }},
	{"zonal: an address that a slice lists in two zones is an endpoint of each", func(c *config) bool { return c.names.Zonal }},
	{"serving_endpoints: a Service without ready endpoints has those that serve while they terminate; the stock plugin has no such option",
		func(c *config) bool { return c.names.Serving }},
	{"snapshot: serves a file; the stock plugin has no such option", func(c *config) bool { return c.snapshot != "" && !c.keep }},
	{"snapshot FILE keep: keeps the records in a file, and serves them from there if the API server is away at the start; the stock plugin has no such option",
		func(c *config) bool { return c.keep }},
}

func always(*config) bool { return true }

// Checked is what Check finds, as sentences.
type Checked struct {
	Differences []string // what the block means here and not in the stock plugin of CoreDNS 1.15.0
	Express     string   // whether the express lane is on for it, and why not
}

// Check reads the kubernetes block of one of the server blocks of a Corefile, and its snapshot. It
// starts nothing. c has the words of the block and the index of the server block. Check logs what
// is odd about the records and about an `autopath @kubernetes` beside the block. An error is what a
// start would stop at.
func Check(c *caddy.Controller, blocks []caddyfile.ServerBlock) (found Checked, err error) {
	conf, err := parse(c)
	if err != nil {
		return found, err
	}
	beside := blocks[c.ServerBlockIndex].Tokens
	autopath := slices.ContainsFunc(beside["autopath"], func(t caddyfile.Token) bool { return t.Text == "@"+pluginName })
	if autopath && conf.names.Pods != zone.PodsVerified {
		log.Warning(noSearchPath)
	}
	switch {
	case conf.keep:
		if err := snapshot.Keepable(conf.snapshot); err != nil { // a start goes on
			log.Warningf("%v: %v", conf.places["snapshot"], err)
		}
	case conf.snapshot != "":
		if err := readSnapshot(conf); err != nil {
			return found, conf.origin.errorf("%v", err)
		}
	}
	for _, d := range differences {
		if d.when(conf) {
			found.Differences = append(found.Differences, d.text)
		}
	}
	e := judge(readBlocks(blocks, func(i int) []string { return bound(blocks[i].Tokens["bind"]) }), c.ServerBlockIndex, conf)
	found.Express = e.String()
	return found, nil
}

// bound returns the addresses that bind names, as they are written: names of devices are not looked
// up. Without bind it is the one that stands for all.
func bound(tokens []caddyfile.Token) (hosts []string) {
	if len(tokens) == 0 {
		return []string{""}
	}
	for _, l := range readLines(tokens) {
		hosts = append(hosts, l.args...)
	}
	return hosts
}

// readSnapshot reads the snapshot as a start would, but does not serve it.
func readSnapshot(conf *config) error {
	store := zone.New(conf.names)
	if _, err := newFollower(conf, store); err != nil {
		return err
	}
	reportMissing(conf, store)
	return nil
}
