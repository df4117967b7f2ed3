//go:build !race

// The race detector makes a sync.Pool forget at random what it holds, so that it is made anew.

package lane

import (
	"testing"

	"github.com/miekg/dns"
)

// TestAllocations shows that no answer costs an allocation, once a query of its size was answered. A
// list of a zone's servers is made anew each time; see reply.Responder.
func TestAllocations(t *testing.T) {
	b := cluster()
	b.Rotate = true
	l, table := newLane(b)
	cookie := edns(1232, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})
	for _, tt := range []struct {
		m    *dns.Msg
		want Outcome
	}{
		{question("web.ns.svc.cluster.local.", dns.TypeA), Answered},
		{question("WEB.ns.svc.CLUSTER.local.", dns.TypeAAAA, cookie), Answered},
		{question("db.ns.svc.cluster.local.", dns.TypeA), Answered},
		{question("db.ns.svc.cluster.local.", dns.TypeSRV, cookie), Answered},
		{question("1.2.1.10.in-addr.arpa.", dns.TypePTR, cookie), Answered},
		{question("www.example.com.ns.svc.Cluster.local.", dns.TypeA), Answered},
		{question("web.ns.svc.cluster.local.", dns.TypeMX), Answered},
		{question("web.n.svc.cluster.local.", dns.TypeA, cookie), Answered},
		{question("wbe.ns.svc.cluster.local.", dns.TypeA, cookie), Answered},
		{question("web.ns.svc.cluster.local.", 65280, cookie), Answered},
		{question("Cluster.local.", dns.TypeSOA), Answered},
		{question("dns-version.cluster.local.", dns.TypeTXT), PassedOn},
		{question("ext.ns.svc.cluster.local.", dns.TypeCNAME), Answered},
		{question("ext.ns.svc.cluster.local.", dns.TypeA), PassedOn},
		{question("example.com.", dns.TypeA), PassedOn},
		{question("example.com.", dns.TypeA, cookie, cookie), Refused},
		{question("example.com.", dns.TypeA, cookie, func(m *dns.Msg) { m.Question = nil }), Refused},
	} {
		for _, tcp := range []bool{false, true} {
			query, buf, c := pack(t, tt.m), make([]byte, 0, 1<<16), client(tcp)
			var v Verdict
			if n := testing.AllocsPerRun(100, func() { _, v = l.Answer(table, buf, query, c) }); n != 0 || v.Outcome != tt.want {
				t.Errorf("%v: %v allocations, %+v", tt.m.Question, n, v)
			}
		}
	}
}
