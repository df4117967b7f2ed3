package kubernetes

import (
	"github.com/coredns/caddy"
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
	{"PTR answers with names that resolve, and no others", always},
	{"after it was away, the API server is followed again within some 5 s", always},
	{"namespaces: nothing of other namespaces is watched, and Roles in these suffice", func(c *config) bool { return len(c.namespaces) > 0 }},
	{"namespace_labels with multicluster: selects namespaces, whatever labels ServiceImports have themselves",
		func(c *config) bool { return c.namespaceLabels != nil && len(c.multicluster) > 0 }},
	{"pods verified: a Pod that is terminating has its name until it is gone", func(c *config) bool { return c.names.Pods == zone.PodsVerified }},
	{"multicluster: a ServiceImport without ports has its addresses", func(c *config) bool { return len(c.multicluster) > 0 }},
	{"zonal: an address that a slice lists in two zones is an endpoint of each", func(c *config) bool { return c.names.Zonal }},
	{"snapshot: serves a file; the stock plugin has no such option", func(c *config) bool { return c.snapshot != "" }},
}

func always(*config) bool { return true }

// Check reads a block and its snapshot, and starts nothing. It returns, as sentences, what the
// block means here and not in the stock plugin of CoreDNS 1.15.0. It logs what is odd about the
// records and, with autopath, about the `autopath @kubernetes` beside the block. An error is what
// a start would stop at.
func Check(c *caddy.Controller, autopath bool) (texts []string, err error) {
	conf, err := parse(c)
	if err != nil {
		return nil, err
	}
	if autopath && conf.names.Pods != zone.PodsVerified {
		log.Warning(noSearchPath)
	}
	if conf.snapshot != "" {
		if err := readSnapshot(conf); err != nil {
			return nil, conf.origin.errorf("%v", err)
		}
	}
	for _, d := range differences {
		if d.when(conf) {
			texts = append(texts, d.text)
		}
	}
	return texts, nil
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
