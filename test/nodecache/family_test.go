package nodecache

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestFamilies has one process answer IPv4 and IPv6, on single addresses and on all of them.
func TestFamilies(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr.String()
	own, all := testkit.FreePort(t), testkit.FreePort(t)
	four, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	bound := simple(upstream, "", netip.AddrPortFrom(four, own), netip.AddrPortFrom(six, own))
	everywhere := strings.Replace(simple(upstream, "", netip.AddrPortFrom(four, all)), "bind 127.0.0.1\n", "\n", 1)
	node := run.NodeCache(t, bound+everywhere)
	for _, port := range []uint16{own, all} {
		for _, a := range []netip.Addr{four, six} {
			addr := netip.AddrPortFrom(a, port)
			node.Answers(addr)
			for _, network := range []string{"+notcp", "+tcp"} {
				run.Equal(t, addr.String()+network, run.Dig(t, addr, network, "a.example"), "NOERROR; a.example. A 192.0.2.1")
			}
		}
	}
	m := node.Scrape()
	for family, server := range map[string]string{"1": "dns://127.0.0.1:", "2": "dns://[::1]:"} {
		for _, proto := range []string{"udp", "tcp"} {
			labels := []string{`family="` + family + `"`, `proto="` + proto + `"`, `type="A"`}
			if !m.Has("coredns_dns_requests_total", append(labels, server)...) || !m.Has("coredns_dns_requests_total", append(labels, `server="dns://:`)...) {
				t.Errorf("no queries counted of family %s over %s", family, proto)
			}
		}
	}
}
