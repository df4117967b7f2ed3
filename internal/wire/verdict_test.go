package wire

import (
	"testing"

	"github.com/miekg/dns"
)

const soa = "example. 60 SOA ns.example. root.example. 1 2 3 4 30"

func TestClassify(t *testing.T) {
	const a, cname = "www.example. 10 A 10.0.0.1", "www.example. 20 CNAME web.example."
	for _, tt := range []struct {
		name   string
		qtype  uint16
		rcode  int
		answer []string
		ns     []string
		kind   Kind
		alias  bool
		ttl    uint32
	}{
		{"an address", dns.TypeA, 0, []string{a}, nil, Positive, false, 10},
		{"the lowest TTL counts", dns.TypeA, 0, []string{a}, []string{"example. 5 NS ns.example."}, Positive, false, 5},
		{"an alias and its address", dns.TypeA, 0, []string{cname, "web.example. 30 A 10.0.0.1"}, nil, Positive, true, 20},
		{"the address before the alias", dns.TypeA, 0, []string{"web.example. 30 A 10.0.0.1", cname}, nil, Positive, true, 20},
		{"a chain", dns.TypeA, 0, []string{cname, "web.example. 9 CNAME b.example.", "b.example. 30 A 10.0.0.1"}, nil, Positive, true, 9},
		{"the alias itself", dns.TypeCNAME, 0, []string{cname}, nil, Positive, true, 20},
		{"any", dns.TypeANY, 0, []string{a}, nil, Positive, false, 10},
		{"any of another name", dns.TypeANY, 0, []string{"x.example. 1 A 10.0.0.1"}, nil, NoData, false, 1},
		{"a DNAME with its alias", dns.TypeA, 0, []string{"example. 9 DNAME x.", "www.example. 0 CNAME www.x.", "www.x. 5 A 10.0.0.1"}, nil, Positive, true, 0},
		{"no data", dns.TypeMX, 0, nil, []string{soa}, NoData, false, 30},
		{"the SOA's TTL is lower", dns.TypeMX, 0, nil, []string{"example. 7 SOA a. b. 1 2 3 4 30"}, NoData, false, 7},
		{"no data, no SOA", dns.TypeMX, 0, nil, nil, NoData, false, 0},
		{"an alias of no data", dns.TypeAAAA, 0, []string{cname}, []string{soa}, NoData, true, 20},
		{"an open chain", dns.TypeAAAA, 0, []string{cname}, nil, NoData, true, 20},
		{"a loop", dns.TypeA, 0, []string{cname, "web.example. 5 CNAME www.example."}, nil, NoData, true, 5},
		{"a record of another name", dns.TypeA, 0, []string{"x.example. 5 A 10.0.0.1"}, nil, NoData, false, 5},
		{"a referral", dns.TypeA, 0, nil, []string{"example. 9 NS ns.example."}, Referral, false, 9},
		{"no data with servers", dns.TypeA, 0, nil, []string{"example. 9 NS ns.example.", soa}, NoData, false, 9},
		{"no name", dns.TypeA, dns.RcodeNameError, nil, []string{soa}, NoName, false, 30},
		{"an alias of no name", dns.TypeA, dns.RcodeNameError, []string{cname}, []string{soa}, NoName, true, 20},
		{"a DNAME to no name", dns.TypeA, dns.RcodeNameError, []string{"example. 9 DNAME x."}, []string{soa}, NoName, true, 9},
		{"no name, no SOA", dns.TypeA, dns.RcodeNameError, nil, nil, NoName, false, 0},
		{"SERVFAIL", dns.TypeA, dns.RcodeServerFailure, nil, nil, Failed, false, 0},
		{"REFUSED", dns.TypeA, dns.RcodeRefused, nil, nil, Refusal, false, 0},
		{"NOTIMP", dns.TypeA, dns.RcodeNotImplemented, nil, nil, Refusal, false, 0},
		{"BADVERS", dns.TypeA, dns.RcodeBadVers, nil, nil, Refusal, false, 0},
	} {
		m := withOPT(reply(t, question("WWW.example.", tt.qtype), tt.answer...), 1232, true)
		m.Rcode, m.Ns = tt.rcode, rrs(t, tt.ns...)
		v := Classify(pack(t, m))
		if v.Kind != tt.kind || v.Alias != tt.alias || v.TTL != tt.ttl {
			t.Errorf("%s: %+v, want %d, alias %v, TTL %d", tt.name, v, tt.kind, tt.alias, tt.ttl)
		}
	}
}

func TestClassifyMalformed(t *testing.T) {
	good := pack(t, reply(t, question("a.", dns.TypeA), "a. 1 A 10.0.0.1"))
	for size := range len(good) {
		if v := Classify(good[:size]); v.Kind != Malformed {
			t.Errorf("%d bytes: %+v", size, v)
		}
	}
}

// TestLongChain gives up on more aliases than anybody follows.
func TestLongChain(t *testing.T) {
	m := reply(t, question("a.", dns.TypeA))
	n := "a"
	for range maxAliases {
		m.Answer = append(m.Answer, rr(t, n+". 5 CNAME x"+n+"."))
		n = "x" + n
	}
	m.Answer = append(m.Answer, rr(t, n+". 5 A 10.0.0.1"))
	if v := Classify(pack(t, m)); v.Kind != NoData || v.SOA {
		t.Errorf("%+v", v)
	}
}

func TestLowerNegativeTTL(t *testing.T) {
	m := reply(t, question("www.example.", dns.TypeA))
	m.Rcode, m.Ns = dns.RcodeNameError, rrs(t, soa)
	b := pack(t, m)
	v := Classify(b)
	v.LowerNegativeTTL(b)
	if got := unpack(t, b).Ns[0].Header().Ttl; got != 30 {
		t.Errorf("TTL %d, want MINIMUM (RFC 2308, section 5)", got)
	}
	v.LowerNegativeTTL(b[:20])
}

func TestAppendDenial(t *testing.T) {
	m := reply(t, question("com.team-1.svc.example.", dns.TypeA))
	m.Rcode, m.Ns = dns.RcodeNameError, rrs(t, soa)
	ask := parse(t, question("API.github.com.team-1.svc.Example.", dns.TypeAAAA))
	b, ok := AppendDenial([]byte("xx"), ask, pack(t, m), 12)
	if !ok {
		t.Fatal("no SOA was found")
	}
	got := unpack(t, b[2:])
	if got.Rcode != dns.RcodeNameError || len(got.Answer) != 0 || len(got.Ns) != 1 || !ask.Matches(b[2:]) || !got.RecursionAvailable {
		t.Error(got)
	}
	if text := got.Ns[0].String(); text != "Example.\t12\tIN\tSOA\tns.Example. root.Example. 1 2 3 4 30" {
		t.Error(text)
	}
	m.Ns = nil
	if b, ok := AppendDenial([]byte("xx"), ask, pack(t, m), 12); ok || string(b) != "xx" {
		t.Errorf("%q", b)
	}
}
