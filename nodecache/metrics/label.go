package metrics

import (
	"net"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// Dropped is the zone of queries that no server block takes, or that are refused before one
// is looked for (plugin/metrics/vars). No zone is named so: it has no closing dot.
const Dropped = "dropped"

// ServerLabel returns the value of the label `server` for a server that listens on host,
// which is empty without a bind directive: dns://169.254.20.10:53, dns://[fd00::10]:53, dns://:53.
func ServerLabel(host, port string) string { return "dns://" + net.JoinHostPort(host, port) }

// valid makes s a label value, which has to be UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// monitored returns the types that metrics name. All else is "other".
func monitored() [types - 1]wire.Type {
	return [...]wire.Type{
		wire.A, wire.AAAA, wire.PTR, wire.SRV, wire.CNAME, wire.TXT, wire.MX, wire.NS, wire.SOA, wire.HTTPS, wire.SVCB,
		wire.DS, wire.DNSKEY, wire.RRSIG, wire.NSEC, wire.NSEC3, wire.IXFR, wire.AXFR, wire.ANY,
	}
}

const (
	types     = 20
	otherType = types - 1
)

// typeIndex returns the place of t among the monitored types, and the one behind them for another.
func typeIndex(t wire.Type) int {
	switch t {
	case wire.A:
		return 0
	case wire.AAAA:
		return 1
	}
	for i, m := range monitored() {
		if t == m {
			return i
		}
	}
	return otherType
}

// typeLabel returns the value of the label `type`.
func typeLabel(i int) string {
	if i == otherType {
		return "other"
	}
	return monitored()[i].String()
}

// Response codes up to BADCOOKIE have a cell each. There are none above it yet.
const (
	rcodes     = int(wire.BadCookie) + 2
	otherRcode = rcodes - 1
)

func rcodeIndex(r wire.Rcode) int { return min(int(r), otherRcode) }

// rcodeLabel returns the value of the label `rcode` of answers.
func rcodeLabel(i int) string {
	switch name := rcodeName(i); {
	case i == otherRcode:
		return "other"
	case name != "":
		return name
	}
	return wire.Rcode(i).String()
}

// rcodeName returns the name of a code, which is empty where it has none: as wire knows it, or
// else as miekg/dns does.
func rcodeName(i int) string {
	switch i {
	case 0, 1, 2, 3, 4, 5, 16, 23:
		return wire.Rcode(i).String()
	case 6, 7, 8, 9, 10, 11: // RFC 2136, section 2.2; RFC 8490, section 10.2
		return [...]string{"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI"}[i-6]
	case 17, 18, 19, 20, 21, 22: // RFC 2930, section 2.6; RFC 8945, section 3
		return [...]string{"BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC"}[i-17]
	}
	return ""
}
