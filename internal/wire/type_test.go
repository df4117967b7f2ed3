package wire

import (
	"strconv"
	"testing"

	"github.com/miekg/dns"
)

// TestStrings names types, classes and codes as our peers do, or by number (RFC 3597, section 5).
func TestStrings(t *testing.T) {
	for n := range 65536 {
		if got := Type(n).String(); got != dns.Type(n).String() && got != "TYPE"+strconv.Itoa(n) {
			t.Errorf("type %d: %s", n, got)
		}
		if got := Class(n).String(); got != dns.Class(n).String() && got != "CLASS"+strconv.Itoa(n) {
			t.Errorf("class %d: %s", n, got)
		}
	}
	for n := range 4096 {
		if got := Rcode(n).String(); got != dns.RcodeToString[n] && got != "RCODE"+strconv.Itoa(n) && n != 16 {
			t.Errorf("code %d: %s", n, got)
		}
	}
	if BadVer.String() != "BADVERS" || SRV.String() != "SRV" || HTTPS.String() != "HTTPS" || CH.String() != "CH" {
		t.Error("a name is missing")
	}
}
