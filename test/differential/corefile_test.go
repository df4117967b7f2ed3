package differential

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/coredns/coredns/plugin"
)

// origin turns a zone of a Corefile into its DNS name.
func origin(zone string) []string { return plugin.Host(zone).NormalizeExact() }

// corefile configures every option set, each at a port of its own.
func corefile(sets []options, api string, ports []uint16) string {
	var b strings.Builder
	for i, o := range sets {
		if o.byBlock {
			keys := strings.Join(o.zones, fmt.Sprintf(":%d ", ports[i]))
			fmt.Fprintf(&b, "%s:%d {\n%s}\n", keys, ports[i], o.plugin("", api))
			fmt.Fprintf(&b, ".:%d {\n%s}\n", ports[i], outside)
			continue
		}
		fmt.Fprintf(&b, ".:%d {\n%s%s}\n", ports[i], o.plugin(strings.Join(o.zones, " "), api), o.others())
	}
	return b.String()
}

// metrics is a block that serves the program's metrics. It listens beside the blocks under test.
func metrics(at netip.AddrPort) string {
	return fmt.Sprintf("metrics.test:%d {\n    prometheus %s\n    whoami\n}\n", at.Port(), at)
}

// outside serves the zone outside the cluster.
const outside = "    file outside.db outside.test\n"

// others are the plugins beside the one under test.
func (o options) others() string {
	text := outside
	if o.behind {
		text += "    file behind.db cluster.local\n    file arpa.db 10.in-addr.arpa\n"
	}
	if o.transfer {
		text += "    transfer " + strings.Join(o.zones, " ") + " {\n        to *\n    }\n"
	}
	return text
}

// largestUDP is the largest size that questions announce over UDP. Ours sends less unless the
// Corefile has bufsize: TestUDPSize in the plugin shows that.
const largestUDP = 4096

func (o options) plugin(zones, api string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    bufsize %d\n    kubernetes %s {\n        endpoint %s\n        startup_timeout 60s\n", largestUDP, zones, api)
	fmt.Fprint(&b, "        apiserver_qps 1000\n        apiserver_burst 1000\n")
	for _, line := range o.lines() {
		fmt.Fprintf(&b, "        %s\n", line)
	}
	b.WriteString("    }\n")
	return b.String()
}

// lines are the options as lines of the Corefile.
func (o options) lines() []string {
	var lines []string
	add := func(on bool, words ...string) {
		if on {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	add(len(o.namespaces) > 0, "namespaces", strings.Join(o.namespaces, " "))
	add(o.namespaceLabels != "", "namespace_labels", o.namespaceLabels)
	add(o.labels != "", "labels", o.labels)
	add(o.pods != "", "pods", o.pods)
	add(o.podNames, "endpoint_pod_names")
	add(o.noEndpoints, "noendpoints")
	add(o.ignoreEmpty, "ignore empty_service")
	add(o.zonal, "zonal")
	add(len(o.multicluster) > 0, "multicluster", strings.Join(o.multicluster, " "))
	add(o.fall != nil, "fallthrough", strings.Join(o.fall, " "))
	add(o.ttlSet, "ttl", fmt.Sprint(o.ttl))
	add(o.noExpress && !*selfFlag, "express", "off")
	return lines
}

// behindZone is a zone file with some of the names that fall through.
const behindZone = `$ORIGIN cluster.local.
$TTL 77
@ IN SOA behind.cluster.local. admin.cluster.local. 1 7200 900 86400 33
@ IN NS behind
behind IN A 203.0.113.1
* IN TXT "behind"
extra.default.svc IN A 203.0.113.2
`

// arpaZone is the same for addresses.
const arpaZone = `$ORIGIN 10.in-addr.arpa.
$TTL 77
@ IN SOA behind.cluster.local. admin.cluster.local. 1 7200 900 86400 33
@ IN NS behind.cluster.local.
9.9.9 IN PTR behind.cluster.local.
`
