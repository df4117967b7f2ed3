package nodecache

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/neardns/neardns/test/nodecache/run"
)

func TestMain(m *testing.M) { os.Exit(run.Main(m, false)) }

// port returns the port of addr, as an argument.
func port(addr netip.AddrPort) string { return strconv.Itoa(int(addr.Port())) }

// example returns a Corefile for addr that sends the cluster's zones and all others to one server,
// over TCP and UDP. Both blocks have the lines.
func example(addr, upstream netip.AddrPort, lines string) string {
	return fmt.Sprintf(`cluster.local:%[1]d in-addr.arpa:%[1]d ip6.arpa:%[1]d {
	bind %[2]s
	errors
	cache 30
	forward . %[3]s {
		force_tcp
	}
	%[4]s
}
.:%[1]d {
	bind %[2]s
	errors
	cache 30
	forward . %[3]s
	%[4]s
}
`, addr.Port(), addr.Addr(), upstream, lines)
}
