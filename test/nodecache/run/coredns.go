package run

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

// ClusterDNS starts our CoreDNS with the example cluster of docs/ and with some names of
// example.com. The answer to big.example.com needs TCP. It returns once it answers.
func ClusterDNS(t testing.TB) (*Process, netip.AddrPort) {
	t.Helper()
	addr := testkit.FreeAddr(t)
	return ClusterDNSAt(t, addr), addr
}

// ClusterDNSAt is ClusterDNS at an address.
func ClusterDNSAt(t testing.TB, addr netip.AddrPort) *Process {
	t.Helper()
	root, err := repository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := coreDNS(t, OurCoreDNS, clusterCorefile(addr, filepath.Join(root, "docs", "cluster.example.yaml")))
	p.Answers(addr)
	return p
}

// StockDNS starts stock CoreDNS with a Corefile, and waits until it answers at addr.
func StockDNS(t testing.TB, addr netip.AddrPort, corefile string) *Process {
	t.Helper()
	p := coreDNS(t, StockCoreDNS, corefile)
	p.Answers(addr)
	return p
}

// CoreDNS starts our CoreDNS with a Corefile. It does not wait for it.
func CoreDNS(t testing.TB, corefile string) *Process {
	t.Helper()
	return coreDNS(t, OurCoreDNS, corefile)
}

func coreDNS(t testing.TB, of, corefile string) *Process {
	t.Helper()
	dir := t.TempDir()
	Write(t, dir, "Corefile", corefile)
	return Start(t, exec.Command(built[of], "-conf", "Corefile"), dir)
}

// clusterCorefile returns the Corefile of a cluster DNS.
func clusterCorefile(addr netip.AddrPort, snapshot string) string {
	big := ""
	for i := range 100 { // some 1,600 bytes of addresses
		big += fmt.Sprintf("\t\t192.0.2.%d big.example.com\n", i)
	}
	return fmt.Sprintf(`cluster.local:%[1]d in-addr.arpa:%[1]d ip6.arpa:%[1]d {
	bind %[4]s
	errors
	kubernetes cluster.local in-addr.arpa ip6.arpa {
		snapshot %[2]s
		pods verified
	}
}
example.com:%[1]d {
	bind %[4]s
	errors
	hosts {
		192.0.2.25 mail.example.com
%[3]s
	}
	template IN TXT txt.example.com {
		answer "{{ .Name }} 60 IN TXT \"one two\" \"three\""
	}
}
.:%[1]d {
	bind %[4]s
	errors
	template IN A {
		answer "{{ .Name }} 60 IN A 198.51.100.1"
	}
}
`, addr.Port(), snapshot, big, addr.Addr())
}
