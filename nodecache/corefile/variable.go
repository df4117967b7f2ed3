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

// Servers of the kube-dns ConfigMap are asked over UDP even if the Corefile has force_tcp for
// the node's own servers, in exactly these bytes. k8s-dns-node-cache does so. The number of
// lines stays.
const (
	upstreamTCP = "\n    forward . " + pillarUpstream + " {\n            force_tcp\n    }\n"
	upstreamUDP = "\n    forward . " + pillarUpstream + "\n\n\n"
)

// fill replaces the variables of the manifest that have a value. See unfilled for the others.
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
	if len(o.LocalIPs) > 0 { // they include the cluster DNS's address, so one variable has all
		text = replace(text, pillarLocal+":", beforePort(o.LocalIPs[0])) // one address, as for health
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

// beforePort returns a as it is written before a port, with the colon.
func beforePort(a netip.Addr) string {
	return strings.TrimSuffix(netip.AddrPortFrom(a, 0).String(), "0")
}

// unfilled returns an error for a variable of the manifest that is left in word, and says how to
// give it a value.
func (o *Options) unfilled(word string) error {
	_, after, found := strings.Cut(word, pillar)
	switch variable := pillar + after; {
	case !found:
		return nil
	case strings.HasPrefix(variable, pillarCluster):
		return fmt.Errorf("%s has no value: the environment variable %s is not set; "+
			"expected -upstreamsvc to name a Service in this pod's namespace that is older than the pod",
			pillarCluster, o.serviceEnv())
	case strings.HasPrefix(variable, pillarLocal), strings.HasPrefix(variable, pillarDNSServer):
		return fmt.Errorf("%s has no value: expected -localip with the addresses to listen on", word)
	}
	return fmt.Errorf("%q is a variable for an installer to replace: expected a value in its place", word)
}

// expand replaces {%NAME%} and {$NAME} by the environment's value for NAME, or by nothing.
func (o *Options) expand(word string) string {
	return o.expandEach(o.expandEach(word, "{%", "%}"), "{$", "}")
}

func (o *Options) expandEach(word, opening, closing string) string {
	var done strings.Builder
	for {
		before, after, found := strings.Cut(word, opening)
		name, rest, closed := strings.Cut(after, closing)
		if !found || !closed || name == "" {
			done.WriteString(word)
			return done.String()
		}
		value, _ := o.Env(name)
		done.WriteString(before + value)
		word = rest
	}
}
