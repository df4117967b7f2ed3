package lane

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

// FuzzAnswer gives the lane any bytes. It never changes them, and whatever it replies is a message that
// others read, to this query, no longer than allowed.
func FuzzAnswer(f *testing.F) {
	for _, m := range []*dns.Msg{
		question("web.ns.svc.cluster.local.", dns.TypeA, edns(512, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})),
		question("_HTTP._tcp.Db.ns.svc.cluster.local.", dns.TypeSRV, edns(1232)),
		question("1.2.1.10.in-addr.arpa.", dns.TypePTR), question("cluster.local.", dns.TypeNS), question("cluster.local.", dns.TypeSOA),
		question("ext.ns.svc.cluster.local.", dns.TypeCNAME), question("dns-version.cluster.local.", dns.TypeTXT),
		question(`a\.b\000.ns.svc.cluster.local.`, dns.TypeA), question(".", dns.TypeNS),
		question("web.ns.svc.cluster.local.", dns.TypeA, edns(512), edns(512)),
		question("web.ns.svc.cluster.local.", dns.TypeA, func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 1) }),
	} {
		f.Add(pack(f, m), false)
		f.Add(pack(f, m), true)
	}
	b := cluster()
	b.Rotate = true
	l, table := newLane(b)
	f.Fuzz(func(t *testing.T, query []byte, tcp bool) {
		before := bytes.Clone(query)
		m, v := answer(t, l, table, query, client(tcp))
		if !bytes.Equal(query, before) {
			t.Fatal("the query was changed")
		}
		if m == nil {
			return
		}
		if !m.Response || m.Id != uint16(query[0])<<8|uint16(query[1]) {
			t.Fatal(m)
		}
		if v.Outcome != Answered {
			return
		}
		asked := new(dns.Msg)
		if err := asked.Unpack(query); err != nil || len(asked.Question) != 1 || m.Question[0] != asked.Question[0] {
			t.Fatalf("%v, answered with %v", err, m)
		}
		reply, _ := l.Answer(table, nil, query, client(tcp))
		if len(reply) > 1232 && !tcp || m.Truncated && len(m.Answer) == 0 {
			t.Fatalf("%d bytes, %v", len(reply), m)
		}
	})
}
