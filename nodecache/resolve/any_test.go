package resolve

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestANY asks upstream for ANY, as for any type, and keeps answers over UDP to one set of records
// with its signatures (RFC 8482, section 4.1): nothing is made up that a validator would find false.
func TestANY(t *testing.T) {
	const (
		mx     = "a.example. 60 MX 10 a.example."
		txt    = "a.example. 60 TXT \"x\""
		a      = "a.example. 60 A 10.0.0.1"
		b      = "a.example. 60 A 10.0.0.2"
		alias  = "a.example. 60 CNAME b.example."
		dname  = "example. 60 DNAME other."
		sigMX  = "a.example. 60 RRSIG MX 13 2 60 20300101000000 20250101000000 1 example. AAAA"
		sigA   = "a.example. 60 RRSIG A 13 2 60 20300101000000 20250101000000 1 example. AAAA"
		sigN   = "example. 60 RRSIG NSEC 13 1 60 20300101000000 20250101000000 1 example. AAAA"
		sigNS  = "example. 60 RRSIG NS 13 1 60 20300101000000 20250101000000 1 example. AAAA"
		nsec   = "example. 60 NSEC z.example. A RRSIG NSEC"
		ns     = "example. 60 NS ns.example."
		glue   = "ns.example. 60 A 10.0.0.3"
		noName = "NXDOMAIN; " + soa
	)
	say := func(records ...string) []string { return records }
	text := func(records ...string) string { return "NOERROR; " + strings.Join(records, "; ") }
	for what, tt := range map[string]struct {
		says      []string
		udp, tcp  string
		unsettled bool // is not kept
	}{
		"one set of two":                  {says: say(mx, txt), udp: text(mx), tcp: text(mx, txt)},
		"a set that does not stand alone": {says: say(a, txt, b), udp: text(a, b), tcp: text(a, txt, b)},
		"one set":                         {says: say(a, b), udp: text(a, b), tcp: text(a, b)},
		"signed":                          {says: say(sigA, a, mx, sigMX, b), udp: text(sigA, a, b), tcp: text(sigA, a, mx, sigMX, b)},
		"nothing but signatures":          {says: say(sigA, sigMX), udp: text(sigA, sigMX), tcp: text(sigA, sigMX)},
		"an alias, RFC 8482, 4.2":         {says: say(txt, alias), udp: text(alias), tcp: text(txt, alias)},
		"an alias that is made":           {says: say(dname, alias), udp: text(dname, alias), tcp: text(dname, alias)},
		"other sections": {says: say(a, txt, "--", ns, sigNS, nsec, sigN, "++", glue),
			udp: text(a, nsec, sigN), tcp: text(a, txt, ns, sigNS, nsec, sigN, "+ "+glue)},
		"no such name":         {says: say("NXDOMAIN", "--", soa), udp: noName, tcp: noName},
		"a name with nothing":  {says: say("--", soa), udp: text(soa), tcp: text(soa)},
		"refused by upstream":  {says: say("NOTIMP"), udp: "NOTIMP", tcp: "NOTIMP", unsettled: true},
		"kept small by others": {says: say(`a.example. 60 HINFO "RFC8482" ""`), udp: text(`a.example. 60 HINFO "RFC8482" ""`), tcp: text(`a.example. 60 HINFO "RFC8482" ""`)},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("a.example. ANY", tt.says...)
			for range 2 { // a miss, and hits
				for query, want := range map[string]string{"a.example. ANY": tt.udp, "a.example. ANY tcp": tt.tcp} {
					if got := r.ask(query); !slices.Equal(parts(got), parts(want)) { // addresses take turns
						t.Errorf("%s, %s:\n got %s\nwant %s", what, query, got, want)
					}
				}
			}
			if n := len(r.up.take()); n != 1 && !tt.unsettled {
				t.Errorf("%s: upstream was asked %d times", what, n)
			}
			time.Sleep(time.Minute)
		})
	}
}

// parts returns the parts of a reply's text, sorted.
func parts(text string) []string { return slices.Sorted(strings.SplitSeq(text, "; ")) }
