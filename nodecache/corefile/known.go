package corefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// implemented are the directives that are read.
const implemented = "bind bufsize cache debug errors family forward health hosts loadbalance log loop " +
	"pprof prometheus ready reload template timeouts trace whoami"

// others are the directives of CoreDNS 1.15.0 that are not.
const others = "acl any auto autopath azure cancel chaos clouddns dns64 dnssec dnstap dynupdate erratic etcd " +
	"file geoip grpc grpc_server header https https3 k8s_external kubernetes local metadata minimal multisocket " +
	"nomad nsid on proxyproto quic rewrite root route53 secondary shed siit sign tls transfer tsig view"

// gone are directives that CoreDNS had once, and what to write instead.
var gone = map[string]string{
	"proxy":    "forward FROM TO...",
	"upstream": "nothing: aliases are followed by who is asked",
}

// isDirective reports whether word is the name of a directive that is read.
func isDirective(word string) bool {
	return word == "family" || slices.Contains(strings.Fields(implemented), word)
}

// unknown is the error for a directive that is not read.
func (d *directive) unknown() error {
	if slices.Contains(strings.Fields(others), d.name) {
		return d.errorf("the node cache does not have this directive: " +
			"keep it on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)")
	}
	return fmt.Errorf("%s: %q is no directive of CoreDNS, expected %s", d.pos(), d.name, d.instead())
}

// instead returns what may have been meant by the name of the directive, which is none.
func (d *directive) instead() string {
	opens := slices.ContainsFunc(d.tokens, func(t caddyfile.Token) bool { return t.Text == "{" })
	switch {
	case d.name == "{":
		return "{ at the end of the line before"
	case strings.Trim(d.name, ";/-*\"'") == "":
		return "# before a comment"
	case gone[d.name] != "":
		return gone[d.name]
	case slices.Contains(strings.Fields(forwardOptions), d.name):
		return "it within { } behind forward FROM TO..., whose option it is"
	case slices.Contains(strings.Fields(cacheOptions), d.name):
		return "it within { } behind cache, whose option it is"
	case opens && strings.ContainsAny(d.name, ".:"):
		return "no zone within a block: is a } missing before it, or a comma at the end of a line of zones?"
	}
	return among(d.name, strings.Fields(implemented))
}

// among returns the known words, first that which word may be a slip of the pen for.
func among(word string, known []string) string {
	near := slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
	if distance(word, near) > max(1, (len(word)+1)/3) || len(known) == 1 {
		return list(known, "or")
	}
	return "perhaps " + near + "; there are " + list(known, "and")
}

// list joins words, the last of them by a word.
func list(words []string, join string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + join + " " + words[last]
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
