package node

import (
	"fmt"
	"net/netip"
	"strings"
)

// setting is what the configuration of a contender says.
type setting struct {
	dir       string
	addresses []string // to answer on
	port      int
	metrics   int // port
	health    int // port
	upstream  netip.AddrPort
	entries   int // of the cache; 0: as many as the node-local cache has
}

// nodeLocal is the number of entries in the Corefile of today's node-local cache.
const nodeLocal = 9984

// corefile returns that Corefile (cluster/addons/dns/nodelocaldns/nodelocaldns.yaml of
// Kubernetes 1.37), on loopback.
func corefile(s setting) string {
	entries := s.entries
	if entries == 0 {
		entries = nodeLocal
	}
	cluster := fmt.Sprintf("cache {\n\t\tsuccess %d 30\n\t\tdenial 9984 5\n\t}\n\thealth 127.0.0.1:%d", entries, s.health)
	return s.block("cluster.local", cluster, "{\n\t\tforce_tcp\n\t}") +
		s.block("in-addr.arpa", "cache 30", "{\n\t\tforce_tcp\n\t}") +
		s.block("ip6.arpa", "cache 30", "{\n\t\tforce_tcp\n\t}") +
		s.block(".", "cache 30", "")
}

func (s setting) block(zone, cache, how string) string {
	return fmt.Sprintf(`%s:%d {
	errors
	%s
	reload
	loop
	bind %s
	forward . %s %s
	prometheus 127.0.0.1:%d
}
`, zone, s.port, cache, strings.Join(s.addresses, " "), s.upstream, how, s.metrics)
}

// unboundConf forwards everything over TCP, from one thread for each of the two CPUs that
// the figures in README were measured on, and does not validate: nor do the others.
func unboundConf(s setting) string {
	var text strings.Builder
	fmt.Fprintf(&text, "server:\n")
	for _, addr := range s.addresses {
		fmt.Fprintf(&text, "\tinterface: %s\n", addr)
	}
	fmt.Fprintf(&text, `	port: %d
	num-threads: 2
	directory: %q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	do-not-query-localhost: no
	module-config: "iterator"
forward-zone:
	name: "."
	forward-addr: %s@%d
	forward-tcp-upstream: yes
`, s.port, s.dir, s.upstream.Addr(), s.upstream.Port())
	return text.String()
}

// dnsmasqConf forwards everything over UDP: dnsmasq asks over TCP only what it was asked
// over TCP.
func dnsmasqConf(s setting) string {
	return fmt.Sprintf(`port=%d
listen-address=%s
bind-interfaces
no-resolv
no-hosts
no-poll
server=%s#%d
cache-size=10000
dns-forward-max=1000
pid-file=
`, s.port, strings.Join(s.addresses, ","), s.upstream.Addr(), s.upstream.Port())
}
