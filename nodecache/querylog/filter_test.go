package querylog

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
)

// Records of the tests.
const (
	address  = "a.example. 30 IN A 192.0.2.1"
	alias    = "a.example. 30 IN CNAME b.example."
	soa      = "example. 30 IN SOA ns.example. host.example. 1 2 3 4 5"
	referral = "example. 30 IN NS ns.example."
)

// TestClassOf has a case for each of CoreDNS's response types that the reply to a query can have.
func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		what              string
		qtype             uint16
		rcode             int
		answer, authority []string
		want              Class
	}{
		{"answer", dns.TypeA, dns.RcodeSuccess, []string{address}, nil, Success},
		{"answer with an SOA beside", dns.TypeA, dns.RcodeSuccess, []string{address}, []string{soa}, Success},
		{"alias to nowhere, but NOERROR", dns.TypeA, dns.RcodeSuccess, []string{alias}, []string{soa}, Success},
		{"the SOA itself", dns.TypeSOA, dns.RcodeSuccess, []string{soa}, nil, Success},
		{"referral", dns.TypeA, dns.RcodeSuccess, nil, []string{referral}, Success},
		{"nothing at all", dns.TypeA, dns.RcodeSuccess, nil, nil, Success},
		{"NODATA", dns.TypeA, dns.RcodeSuccess, nil, []string{soa}, Denial},
		{"NODATA, SOA last", dns.TypeA, dns.RcodeSuccess, nil, []string{referral, soa}, Denial},
		{"NXDOMAIN", dns.TypeA, dns.RcodeNameError, nil, []string{soa}, Denial},
		{"NXDOMAIN without SOA", dns.TypeA, dns.RcodeNameError, nil, nil, Denial},
		{"NXDOMAIN of an alias", dns.TypeA, dns.RcodeNameError, []string{alias}, []string{soa}, Error},
		{"SERVFAIL", dns.TypeA, dns.RcodeServerFailure, nil, nil, Error},
		{"REFUSED with an answer", dns.TypeA, dns.RcodeRefused, []string{address}, nil, Error},
		{"NOTIMP", dns.TypeA, dns.RcodeNotImplemented, nil, nil, Error},
		{"BADVERS, low bits 0", dns.TypeA, dns.RcodeBadVers, nil, nil, Error},
		{"transfer", dns.TypeAXFR, dns.RcodeSuccess, []string{soa}, nil, Error},
		{"transfer of changes", dns.TypeIXFR, dns.RcodeSuccess, []string{soa}, nil, Error},
	} {
		m, q := query(t, "a.example.", c.qtype)
		if got := classOf(q, reply(t, m, c.rcode, c.answer, c.authority)); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	m, q := query(t, "a.example.", dns.TypeA)
	if got := classOf(q, nil); got != Error {
		t.Errorf("no reply: %d", got)
	}
	q.Opcode = dns.OpcodeNotify
	if got := classOf(q, reply(t, m, dns.RcodeSuccess, nil, nil)); got != Error {
		t.Errorf("NOTIFY: %d", got)
	}
}

// TestFilter shows that the first rule whose zone holds the name decides.
func TestFilter(t *testing.T) {
	f := Filter{
		{testkit.Name(t, "deep.example."), Error},
		{testkit.Name(t, "example."), Success | Denial},
		{testkit.Name(t, "deep.example."), All},
		{testkit.Name(t, "org."), All},
	}
	for _, c := range []struct {
		name  string
		rcode int
		want  bool
	}{
		{"a.example.", dns.RcodeSuccess, true},
		{"A.EXAMPLE.", dns.RcodeNameError, true},
		{"example.", dns.RcodeServerFailure, false},
		{"deep.example.", dns.RcodeSuccess, false},
		{"x.deep.example.", dns.RcodeServerFailure, true},
		{"notexample.", dns.RcodeSuccess, false},
		{"a.org.", dns.RcodeRefused, true},
		{".", dns.RcodeSuccess, false},
	} {
		m, q := query(t, c.name, dns.TypeA)
		if got := f.Pass(q, reply(t, m, c.rcode, nil, nil)); got != c.want {
			t.Errorf("%s, code %d: %v", c.name, c.rcode, got)
		}
	}
	_, q := query(t, "a.example.", dns.TypeA)
	if Filter(nil).Pass(q, nil) {
		t.Error("no rules pass a query")
	}
	q.Name = nil
	if !(Filter{{testkit.Name(t, "."), Error}}).Pass(q, nil) || f.Pass(q, nil) {
		t.Error("a query without a name is not the root's")
	}
}
