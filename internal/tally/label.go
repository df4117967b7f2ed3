package tally

import (
	"net"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// Dropped is the zone of queries that no server block takes, and of those that are refused before
// the server looks for a block (plugin/metrics/vars). No real zone has that name: it lacks the
// closing dot.
const Dropped = "dropped"

// ServerLabel returns the value of the label `server` for a server that listens on host. Host is
// empty without a bind directive: dns://169.254.20.10:53, dns://[fd00::10]:53, dns://:53.
func ServerLabel(host, port string) string { return "dns://" + net.JoinHostPort(host, port) }

// Label makes a label value of s: label values have to be UTF-8.
func Label(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// protoLabel returns the value of the label `proto`.
func protoLabel(tcp bool) string {
	if tcp {
		return "tcp"
	}
	return "udp"
}

// familyLabel returns the value of the label `family`: IANA's number of the address family.
func familyLabel(ipv6 bool) string {
	if ipv6 {
		return "2"
	}
	return "1"
}

// monitored returns the types that the label `type` names (plugin/metrics/vars). All others are
// "other".
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

// typeIndex returns the place of t among the monitored types, or otherType.
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

// Each response code up to BADCOOKIE has a cell. No code above it is assigned yet.
const (
	rcodes     = int(wire.BadCookie) + 2
	otherRcode = rcodes - 1
)

func rcodeIndex(r wire.Rcode) int { return min(int(r), otherRcode) }

// rcodeLabel returns the value of the label `rcode` of answers.
func rcodeLabel(i int) string {
	if i == otherRcode {
		return "other"
	}
	if name := RcodeName(wire.Rcode(i)); name != "" {
		return name
	}
	return wire.Rcode(i).String()
}

// RcodeName returns the name of a response code, or nothing if it has none. Names that wire does
// not know are those of miekg/dns.
func RcodeName(r wire.Rcode) string {
	switch r {
	case 0, 1, 2, 3, 4, 5, 16, 23:
		return r.String()
	case 6, 7, 8, 9, 10, 11: // RFC 2136, section 2.2; RFC 8490, section 10.2
		return [...]string{"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI"}[r-6]
	case 17, 18, 19, 20, 21, 22: // RFC 2930, section 2.6; RFC 8945, section 3
		return [...]string{"BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC"}[r-17]
	}
	return ""
}
