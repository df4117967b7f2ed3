package corefile

import (
	"fmt"
	"slices"
	"strings"
)

// implemented are the directives that are read.
const implemented = "bind bufsize cache debug errors family forward health hosts loadbalance log loop " +
	"pprof prometheus ready reload template timeouts trace whoami"

// others are the directives of CoreDNS 1.15.0 that are not.
const others = "acl any auto autopath azure cancel chaos clouddns dns64 dnssec dnstap dynupdate erratic etcd " +
	"file geoip grpc grpc_server header https https3 k8s_external kubernetes local metadata minimal multisocket " +
	"nomad nsid on proxyproto quic rewrite root route53 secondary shed siit sign tls transfer tsig view"

// unknown is the error for a directive that is not read.
func (d *directive) unknown() error {
	if slices.Contains(strings.Fields(others), d.name) {
		return d.errorf("the node cache does not have this directive: " +
			"keep it on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)")
	}
	return fmt.Errorf("%s: %q is no directive of CoreDNS, expected perhaps %s", d.pos(), d.name,
		nearest(d.name, strings.Fields(implemented)))
}

// nearest returns the known word that is most like another.
func nearest(word string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
}

// distance returns how many bytes must be added, removed or replaced to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
