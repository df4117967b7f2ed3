package tally

import (
	"strconv"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/wire"
)

// TestRcodeLabels compares with what plugin/pkg/rcode writes.
func TestRcodeLabels(t *testing.T) {
	for i := range otherRcode {
		want := dns.RcodeToString[i]
		if want == "" {
			want = "RCODE" + strconv.Itoa(i)
		}
		if i == int(wire.BadVer) {
			want = "BADVERS" // miekg/dns has BADSIG for 16, which is TSIG's
		}
		if got := rcodeLabel(rcodeIndex(wire.Rcode(i))); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	if got := rcodeLabel(rcodeIndex(4095)); got != "other" {
		t.Errorf("4095: %s", got)
	}
}

// TestTypeLabels compares with plugin/metrics/vars/monitor.go.
func TestTypeLabels(t *testing.T) {
	named := map[uint16]bool{}
	for _, typ := range []uint16{
		dns.TypeAAAA, dns.TypeA, dns.TypeCNAME, dns.TypeDNSKEY, dns.TypeDS, dns.TypeMX, dns.TypeNSEC3, dns.TypeNSEC,
		dns.TypeNS, dns.TypePTR, dns.TypeRRSIG, dns.TypeSOA, dns.TypeSRV, dns.TypeTXT, dns.TypeHTTPS, dns.TypeSVCB,
		dns.TypeIXFR, dns.TypeAXFR, dns.TypeANY,
	} {
		named[typ] = true
	}
	for typ := range 1 << 16 {
		want := "other"
		if named[uint16(typ)] {
			want = dns.TypeToString[uint16(typ)]
		}
		if got := typeLabel(typeIndex(wire.Type(typ))); got != want {
			t.Errorf("type %d: %s, want %s", typ, got, want)
		}
	}
}

func TestServerLabel(t *testing.T) {
	for _, c := range []struct{ host, want string }{
		{"", "dns://:53"}, {"169.254.20.10", "dns://169.254.20.10:53"}, {"fd00::a", "dns://[fd00::a]:53"},
	} {
		if got := ServerLabel(c.host, "53"); got != c.want {
			t.Errorf("%q: %s, want %s", c.host, got, c.want)
		}
	}
}
