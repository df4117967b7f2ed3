package proof

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// changed returns m after change.
func changed(m *dns.Msg, change func(*dns.Msg)) *dns.Msg {
	change(m)
	return m
}

func TestDiffers(t *testing.T) {
	one := func() *dns.Msg { return reply(address("5", "10.0.0.1")) }
	two := func() *dns.Msg { return reply(address("5", "10.0.0.1"), address("5", "10.0.0.2")) }
	denial := func(soa string) *dns.Msg {
		return changed(reply(), func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeNameError, rrs(soa) })
	}
	const soa = "cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. %s 7200 1800 86400 5"
	for _, test := range []struct {
		name      string
		cached    bool
		lane, own *dns.Msg
		want      string
	}{
		{"the same", false, two(), two(), ""},
		{"another order", false, reply(address("5", "10.0.0.2"), address("5", "10.0.0.1")), two(), ""},
		{"one is missing", false, one(), two(), "the answer section"},
		{"one too many", false, two(), one(), "the answer section"},
		{"one twice", false, reply(address("5", "10.0.0.1"), address("5", "10.0.0.1")), two(), "the answer section"},
		{"another address", false, reply(address("5", "10.0.0.9")), one(), "the answer section"},
		{"another TTL", false, reply(address("4", "10.0.0.1")), one(), "the answer section"},
		{"another TTL, with a cache", true, reply(address("4", "10.0.0.1")), one(), ""},
		{"another owner", false, reply("www.shop.svc.cluster.local. 5 IN A 10.0.0.1"), one(), "the answer section"},
		{"an owner in capitals", false, reply(strings.ToUpper(name) + " 5 IN A 10.0.0.1"), one(), ""},
		{"a target in capitals", false, reply(name + " 5 IN PTR A.B."), reply(name + " 5 IN PTR a.b."), ""},
		{"a text in capitals", false, reply(name + " 5 IN TXT A"), reply(name + " 5 IN TXT a"), "the answer section"},
		{"a port", false, reply(name + " 5 IN SRV 0 100 53 a.b."), reply(name + " 5 IN SRV 0 100 54 a.b."), "the answer section"},
		{"NXDOMAIN", false, denial(fmt.Sprintf(soa, "7")), denial(fmt.Sprintf(soa, "7")), ""},
		{"a later serial", false, denial(fmt.Sprintf(soa, "7")), denial(fmt.Sprintf(soa, "8")), ""},
		{"no SOA", false, denial(fmt.Sprintf(soa, "7")), changed(denial(fmt.Sprintf(soa, "7")), func(m *dns.Msg) { m.Ns = nil }), "the authority section"},
		{"NODATA for NXDOMAIN", false, denial(fmt.Sprintf(soa, "7")), changed(denial(fmt.Sprintf(soa, "7")), func(m *dns.Msg) { m.Rcode = 0 }), "the response code"},
		{"AA", false, one(), changed(one(), func(m *dns.Msg) { m.Authoritative = false }), "the header's flags"},
		{"TC", false, one(), changed(one(), func(m *dns.Msg) { m.Truncated = true }), "the header's flags"},
		{"RD", false, one(), changed(one(), func(m *dns.Msg) { m.RecursionDesired = false }), "the header's flags"},
		{"RA", false, one(), changed(one(), func(m *dns.Msg) { m.RecursionAvailable = true }), "the header's flags"},
		{"CD", false, one(), changed(one(), func(m *dns.Msg) { m.CheckingDisabled = true }), "the header's flags"},
		{"the question's letter case", false, one(), changed(one(), func(m *dns.Msg) { m.Question[0].Name = strings.ToUpper(name) }), "the question"},
		{"no question", false, one(), changed(one(), func(m *dns.Msg) { m.Question = nil }), "the question"},
		{"an OPT record", false, one(), changed(one(), func(m *dns.Msg) { m.SetEdns0(1232, true) }), ""},
		{"a code of the OPT record", false, one(), changed(one(), func(m *dns.Msg) { m.SetEdns0(1232, false); m.Rcode = dns.RcodeBadVers }), "the response code"},
		{"an additional record", false, one(), changed(one(), func(m *dns.Msg) { m.Extra = rrs("a. 5 IN A 10.0.0.1") }), "the additional section"},
	} {
		j := job{Asker: &fake{lane: always(two())}, query: Query{Cached: test.cached}}
		if got := j.differs(pack(test.lane), pack(test.own)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	j := job{}
	if got := j.differs(pack(one()), pack(one())[:20]); got == "" {
		t.Error("half a message is the same as a whole one")
	}
}

// TestTruncated compares answers that were cut. The full one has four addresses of the same length,
// or names of different lengths.
func TestTruncated(t *testing.T) {
	even := func(last ...string) (texts []string) {
		for _, l := range last {
			texts = append(texts, address("5", "10.0.0."+l))
		}
		return texts
	}
	odd := func(names ...string) (texts []string) {
		for _, n := range names {
			texts = append(texts, name+" 5 IN SRV 0 100 53 "+n+".")
		}
		return texts
	}
	addresses, names := even("1", "2", "3", "4"), odd("a", "bb", "ccc", "dddd")
	for _, test := range []struct {
		name            string
		full, lane, own []string
		want            string
	}{
		{"other addresses", addresses, even("1", "2"), even("4", "1"), ""},
		{"fewer addresses", addresses, even("1", "2"), even("1", "2", "3"), "the answer section"},
		{"a foreign address", addresses, even("1", "2"), even("1", "9"), "the answer section"},
		{"a foreign address of the lane's", addresses, even("1", "9"), even("1", "2"), "the answer section"},
		{"the same address twice", addresses, even("1", "1"), even("1", "2"), "the answer section"},
		{"fewer names", names, odd("a", "bb", "ccc"), odd("ccc", "dddd"), ""},
		{"no names", names, odd("a", "bb"), nil, "the answer section"},
		{"a foreign name", names, odd("a", "bb"), odd("a", "x"), "the answer section"},
	} {
		cut := func(texts []string) []byte {
			return pack(changed(reply(texts...), func(m *dns.Msg) { m.Truncated = true }))
		}
		j := job{Asker: &fake{lane: always(reply(test.full...))}}
		if got := j.differs(cut(test.lane), cut(test.own)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestLong compares the longest answers, of which one is in another order, as loadbalance puts them.
// That takes no more work for each record than in a short answer.
func TestLong(t *testing.T) {
	var texts []string
	for i := range 4000 {
		texts = append(texts, address("5", fmt.Sprintf("10.0.%d.%d", i/256, i%256)))
	}
	a := reply(texts...)
	a.Compress = true
	rand.Shuffle(len(texts), func(i, k int) { texts[i], texts[k] = texts[k], texts[i] })
	b := reply(texts...)
	b.Compress = true
	j := job{}
	if got := j.differs(pack(a), pack(b)); got != "" {
		t.Error(got)
	}
	others := make(map[string]int)
	for _, r := range a.Answer {
		if others[key(r)]++; others[key(r)] > 1 {
			t.Fatalf("%v is compared with more than one record", r)
		}
	}
}

// TestRoom compares answers to a query with a cookie. The lane's has one too, which takes the room
// of records; CoreDNS's has none.
func TestRoom(t *testing.T) {
	var texts []string
	for i := range 4 {
		texts = append(texts, address("5", fmt.Sprintf("10.0.0.%d", i)))
	}
	answer := func(cut bool, cookie string, texts ...string) []byte {
		m := reply(texts...)
		m.Truncated = cut
		m.SetEdns0(1232, false)
		if cookie != "" {
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
		}
		return pack(m)
	}
	const cookie = "0123456789abcdef0123456789abcdef"
	foreign := address("5", "10.0.0.9")
	for _, test := range []struct {
		name      string
		lane, own []byte
		want      string
	}{
		{"both cut", answer(true, cookie, texts[:2]...), answer(true, "", texts[1:]...), ""},
		{"the lane's cut", answer(true, cookie, texts[:2]...), answer(false, "", texts...), ""},
		{"a foreign address", answer(true, cookie, texts[:2]...), answer(true, "", texts[0], foreign), "the answer section"},
		{"no address", answer(true, cookie), answer(true, "", texts...), "the answer section"},
		{"the same room", answer(true, "", texts[:2]...), answer(true, "", texts[1:]...), "the answer section"},
		{"cut without need", answer(true, "", texts[:2]...), answer(false, "", texts...), "the header's flags"},
		{"one is missing", answer(false, cookie, texts[1:]...), answer(false, "", texts...), "the answer section"},
	} {
		j := job{Asker: &fake{lane: always(reply(texts...))}}
		if got := j.differs(test.lane, test.own); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestFewAdditional compares truncated answers whose additional records are in another order: the
// first of one has room, that of the other has none.
func TestFewAdditional(t *testing.T) {
	answer := func(cut bool, extra ...string) *dns.Msg {
		m := reply(name + " 5 IN SRV 0 100 53 a.")
		m.Truncated, m.Extra = cut, rrs(extra...)
		return m
	}
	four, six := "a. 5 IN A 10.0.0.1", "a. 5 IN AAAA fd00::1"
	j := job{Asker: &fake{lane: always(answer(false, six, four))}}
	if got := j.differs(pack(answer(true)), pack(answer(true, four))); got != "" {
		t.Error(got)
	}
}

func TestString(t *testing.T) {
	lane := reply(address("5", "10.0.0.1"), address("5", "10.0.0.2"))
	var texts []string
	for i := range 8 {
		texts = append(texts, address("5", fmt.Sprintf("10.0.0.%d", 1+i)))
	}
	d := Difference{What: "the answer section", Lane: pack(lane), Chain: pack(reply(texts...))}
	const want = "the answer section differs; the express lane's answer: opcode: QUERY, status: NOERROR, id: 7; flags: qr aa rd; " +
		"QUESTION: web.shop.svc.cluster.local. IN A; " +
		"ANSWER 2: web.shop.svc.cluster.local. 5 IN A 10.0.0.1, web.shop.svc.cluster.local. 5 IN A 10.0.0.2; " +
		"CoreDNS's own: opcode: QUERY, status: NOERROR, id: 7; flags: qr aa rd; " +
		"QUESTION: web.shop.svc.cluster.local. IN A; " +
		"ANSWER 8: web.shop.svc.cluster.local. 5 IN A 10.0.0.3, web.shop.svc.cluster.local. 5 IN A 10.0.0.4, " +
		"web.shop.svc.cluster.local. 5 IN A 10.0.0.5, web.shop.svc.cluster.local. 5 IN A 10.0.0.6, " +
		"web.shop.svc.cluster.local. 5 IN A 10.0.0.7, and 3 more"
	if got := d.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	d.Lane = d.Lane[:20]
	if got := d.String(); !strings.Contains(got, "the express lane's answer: malformed, ") {
		t.Error(got)
	}
}
