package corefile

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// Variables of the official manifest.
const (
	pillar          = "__PILLAR__"
	pillarDomain    = "__PILLAR__DNS__DOMAIN__"
	pillarCluster   = "__PILLAR__CLUSTER__DNS__"
	pillarUpstream  = "__PILLAR__UPSTREAM__SERVERS__"
	pillarLocal     = "__PILLAR__LOCAL__DNS__"
	pillarDNSServer = "__PILLAR__DNS__SERVER__"
)

// Servers of the kube-dns ConfigMap are asked over UDP even where the Corefile, in exactly
// these bytes, says TCP for those of the node: k8s-dns-node-cache does so. The lines stay in
// number.
const (
	upstreamTCP = "\n    forward . " + pillarUpstream + " {\n            force_tcp\n    }\n"
	upstreamUDP = "\n    forward . " + pillarUpstream + "\n\n\n"
)

// fill puts values in the place of the variables that have one; see unfilled for the others.
func (o *Options) fill(text []byte) []byte {
	upstream := o.UpstreamServers
	if len(upstream) > 0 {
		text = bytes.ReplaceAll(text, []byte(upstreamTCP), []byte(upstreamUDP))
	} else {
		upstream = []string{"/etc/resolv.conf"}
	}
	text = replace(text, pillarDomain, strings.TrimSuffix(o.ClusterDomain, "."))
	text = replace(text, pillarUpstream, strings.Join(upstream, " "))
	if len(o.ClusterDNS) > 0 {
		text = replace(text, pillarCluster, strings.Join(o.ClusterDNS, " "))
	}
	if len(o.LocalIPs) > 0 { // which are both, the cluster DNS's address and the node's
		text = replace(text, pillarLocal+":", beforePort(o.LocalIPs[0])) // one of them, as in health
		text = replace(text, pillarLocal, joinAddrs(o.LocalIPs))
		text = replace(text, pillarDNSServer, "")
	}
	return text
}

func replace(text []byte, variable, value string) []byte {
	return bytes.ReplaceAll(text, []byte(variable), []byte(value))
}

func joinAddrs(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}

// beforePort returns a as it stands before a port, colon included.
func beforePort(a netip.Addr) string {
	return strings.TrimSuffix(netip.AddrPortFrom(a, 0).String(), "0")
}

// unfilled returns what is to be done for a variable in word that has no value, nil if there
// is none.
func (o *Options) unfilled(word string) error {
	_, after, found := strings.Cut(word, pillar)
	switch variable := pillar + after; {
	case !found:
		return nil
	case strings.HasPrefix(variable, pillarCluster):
		return fmt.Errorf("%s has no value: the environment variable %s is not set; "+
			"expected -upstreamsvc to name a Service of this pod's namespace that is older than the pod",
			pillarCluster, o.serviceEnv())
	case strings.HasPrefix(variable, pillarLocal), strings.HasPrefix(variable, pillarDNSServer):
		return fmt.Errorf("%s has no value: expected -localip with the addresses to listen on", word)
	}
	return fmt.Errorf("%q is a variable of an installer's: expected its value in its place", word)
}
