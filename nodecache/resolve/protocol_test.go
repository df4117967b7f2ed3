package resolve

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/wire"
)

// TestProtocol compares replies, which need no upstream or a usual answer of it, with the RFCs that
// define them.
func TestProtocol(t *testing.T) {
	const a = "; a.example. 60 A 10.0.0.1"
	for _, tt := range []struct{ rfc, query, want string }{
		{"RFC 1035, 4.1.1: ID, RD", "a.example. id=7 nord", "NOERROR" + a},
		{"RFC 4035, 3.2.2: CD copied", "a.example. cd", "NOERROR cd" + a},
		{"RFC 6891, 7: no OPT to who sent none", "a.example.", "NOERROR" + a},
		{"RFC 6891, 6.2.3: our own size", "a.example. size=4096", "NOERROR" + a + "; OPT 1232"},
		{"RFC 6891, 6.1.4: DO copied", "a.example. do", "NOERROR" + a + "; OPT 1232 do"},
		{"RFC 6891, 6.1.1: two OPT records", "a.example. twice", "FORMERR; OPT 1232"},
		{"RFC 6891, 6.1.3: BADVERS", "a.example. version=1", "BADVERS; OPT 1232"},
		{"RFC 6891, 6.1.3: BADVERS, options not looked at", "a.example. version=1 cookie=01", "BADVERS; OPT 1232"},
		{"RFC 7873, 5.2.2: 9 bytes of cookie", "a.example. cookie=010203040506070809", "FORMERR; OPT 1232"},
		{"RFC 7873, 5.2.2: 7 bytes of cookie", "a.example. cookie=01020304050607", "FORMERR; OPT 1232"},
		{"RFC 7873, 5.2.2: 41 bytes of cookie", "a.example. cookie=" + strings.Repeat("01", 41), "FORMERR; OPT 1232"},
		{"RFC 7873, 5.2.3: a client's cookie", "a.example. cookie=0102030405060708", "NOERROR" + a + "; OPT 1232 cookie=0102030405060708+16"},
		{"RFC 7873, 5.2.4: BADCOOKIE is not needed", "a.example. cookie=0102030405060708" + strings.Repeat("ab", 16), "NOERROR" + a + "; OPT 1232 cookie=0102030405060708+16"},
		{"RFC 7828, 3.2.1: keepalive not over UDP", "a.example. keepalive", "NOERROR" + a + "; OPT 1232"},
		{"RFC 7828, 3.3.2: keepalive with a time-out", "a.example. keepalive tcp", "NOERROR" + a + "; OPT 1232 keepalive=90"},
		{"RFC 7828, 3.3.2: 0 for close, please", "a.example. keepalive tcp leaving", "NOERROR" + a + "; OPT 1232 keepalive=0"},
		{"RFC 7828, 3.3.2: only if asked for", "a.example. edns tcp", "NOERROR" + a + "; OPT 1232"},
		{"RFC 5001, 2.1: no NSID of others", "a.example. nsid", "NOERROR" + a + "; OPT 1232"},
		{"RFC 7830, 4: no padding over clear text", "a.example. padding", "NOERROR" + a + "; OPT 1232"},
		{"RFC 7871, 7.1.2: no ECS", "a.example. ecs", "NOERROR" + a + "; OPT 1232"},
		{"RFC 9619: no question", "a.example. questions=0", "FORMERR noquestion"},
		{"RFC 9619: two questions", "a.example. questions=2", "FORMERR noquestion"},
		{"RFC 1035, 4.1.1: NOTIFY", "a.example. opcode=4", "NOTIMP noquestion"},
		{"RFC 1035, 4.1.1: more than was read", "a.example. cut", "FORMERR"},
		{"RFC 1035, 4.1.1: more than was read, OPT", "a.example. cut edns", "FORMERR; OPT 1232"},
		{"RFC 1035, 4.1.1: more than was read, a cookie alone", "a.example. questions=0 cookie=0102030405060708 cut", "FORMERR noquestion; OPT 1232"},
		{"RFC 1035, 4.1.1: more than was read, an opcode of nobody's", "a.example. opcode=15 cut", "NOTIMP noquestion"},
		{"RFC 8906, 8.1.4: an opcode of nobody's", "a.example. opcode=15 edns", "NOTIMP noquestion"},
		{"RFC 8906, 8.1.4: nothing echoed", "a.example. opcode=15 nord ad cd", "NOTIMP noquestion"},
		{"RFC 8906, 8.1.3: the reserved bit is not echoed", "a.example. z", "NOERROR" + a},
		{"RFC 5936, 2.2: no transfer", "a.example. AXFR", "REFUSED"},
		{"RFC 1995: no transfer", "a.example. IXFR tcp edns", "REFUSED; OPT 1232 ede=21"},
		{"RFC 6895, 3.1: no type of records", "a.example. TKEY", "NOTIMP"},
		{"RFC 6895, 3.1: OPT in a question", "a.example. OPT", "NOTIMP"},
		{"RFC 1035, 3.2.4: class HS", "a.example. class=4", "REFUSED"},
		{"RFC 1035, 3.2.5: any class", "a.example. class=255", "REFUSED"},
		{"RFC 4892, 2: version", "version.bind. TXT class=3", `NOERROR; version.bind. 0 CH TXT "neardns 1"`},
		{"RFC 4892, 2: version", "VERSION.server. ANY class=3", `NOERROR; VERSION.server. 0 CH TXT "neardns 1"`},
		{"RFC 4892, 4: an id tells clients who serves them, which is for the operator to allow", "id.server. TXT class=3 edns", "REFUSED; OPT 1232"},
		{"RFC 4892, 4", "hostname.bind. TXT class=3", "REFUSED"},
		{"which reader, for who knows the process", "abcdef.instance.nodecache. TXT class=3", `NOERROR; abcdef.instance.nodecache. 0 CH TXT "0"`},
		{"which reader, for another", "abcdee.instance.nodecache. TXT class=3", "REFUSED"},
		{"which process, for anyone", "instance.nodecache. TXT class=3", "REFUSED"},
		{"which process, for anyone", "instance.nodecache. ANY class=3", "REFUSED"},
		{"RFC 4892, 2: other types", "version.bind. A class=3", "REFUSED"},
		{"RFC 4892, 2: other names", "a.example. TXT class=3", "REFUSED"},
		{"RFC 6761, 6.3: localhost", "localhost.", "NOERROR; localhost. 86400 A 127.0.0.1"},
		{"RFC 6761, 6.3: below localhost", "A.LocalHost. AAAA", "NOERROR; A.LocalHost. 86400 AAAA ::1"},
		{"RFC 6761, 6.3: other types", "localhost. MX", "NOERROR; localhost. 3600 SOA localhost. nobody.invalid. 1 3600 1200 604800 3600"},
		{"RFC 6761, 6.4: .invalid", "a.invalid.", "NXDOMAIN; invalid. 3600 SOA localhost. nobody.invalid. 1 3600 1200 604800 3600"},
		{"RFC 6761, 6.4: ANY too", "a.invalid. ANY", "NXDOMAIN; invalid. 3600 SOA localhost. nobody.invalid. 1 3600 1200 604800 3600"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			for _, how := range []string{"a miss", "a hit"} {
				if got := r.ask(tt.query); got != tt.want {
					t.Errorf("%s: %s, %s:\n got %s\nwant %s", tt.rfc, tt.query, how, got, tt.want)
				}
			}
			if n := len(r.take()); n > 1 || n == 0 && strings.Contains(tt.want, a) {
				t.Errorf("%s: upstream was asked %d times", tt.rfc, n)
			}
		})
	}
}

// TestDropped shows messages that get no answer because they are not queries (RFC 1035, section
// 7.3).
func TestDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		response := build(t, "a.example.")
		response[2] |= 0x80
		for _, msg := range [][]byte{nil, make([]byte, 11), response} {
			if s := r.sendMsg(msg, ""); s.now {
				t.Errorf("%x was answered", s.query)
			}
		}
		r.asked()
	})
}

// TestUpstreamQuery shows the query that goes upstream. It has no option of the client's, so
// neither ECS (RFC 7871) nor a cookie (RFC 7873). It has our own UDP size, RD, and AD (RFC 6840,
// section 5.7). CD and DO are the client's.
func TestUpstreamQuery(t *testing.T) {
	for words, want := range map[string]wire.Query{
		"A.Example. ecs nsid cookie=0102030405060708 nord id=9 size=4096": {RD: true, AD: true},
		"a.example. do cd ad": {RD: true, AD: true, CD: true, OPT: wire.OPT{DO: true}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.block.Forwards[0].Options = wire.AppendOption(nil, wire.OptionKeepalive, nil)
			r.ask(words)
			var q wire.Query
			if q.Parse(r.up.last) != wire.Valid || q.RD != want.RD || q.AD != want.AD || q.CD != want.CD || q.DO != want.DO ||
				q.UDPSize != wire.UDPSize || q.Cookie != nil || !q.Keepalive {
				t.Errorf("%s: %+v", words, q)
			}
			if options := len(r.up.last) - len(build(t, "a.example. edns")); options != 4 {
				t.Errorf("%s: %d bytes of options", words, options)
			}
		})
	}
}

// TestCookie shows that a server cookie is valid for as long as RFC 9018, section 4.3, says, and
// then renewed.
func TestCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		next := func(cookie []byte) []byte {
			t.Helper()
			s := r.send(fmt.Sprintf("localhost. cookie=%x", cookie))
			o, _ := wire.Message(s.wait()).OPT()
			if len(o.Cookie) != 24 || !bytes.Equal(o.Cookie[:8], cookie[:8]) {
				t.Fatalf("%x", o.Cookie)
			}
			return o.Cookie
		}
		client := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
		first := next(client)
		pass(20 * time.Minute)
		if second := next(first); !bytes.Equal(first, second) {
			t.Errorf("a good cookie was not kept: %x, %x", first, second)
		}
		pass(20 * time.Minute)
		renewed := next(first)
		if bytes.Equal(first, renewed) {
			t.Error("a cookie of 40 minutes was not renewed")
		}
		r.client = netipAddr("10.0.0.2:40000")
		if other := next(renewed); bytes.Equal(other, renewed) {
			t.Error("another client's cookie was taken")
		}
	})
}

// TestCase keeps the letter case of the question in the question and in owner names (RFC 4343,
// section 4.1; draft-vixie-dnsext-dns0x20). Describe compares the question.
func TestCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("www.example. A", "www.example. 60 CNAME a.example.", "a.example. 60 A 10.0.0.1")
		r.want("wWw.eXample.", "NOERROR; wWw.eXample. 60 CNAME a.eXample.; a.eXample. 60 A 10.0.0.1")
		r.want("WWW.example.", "NOERROR; WWW.example. 60 CNAME a.example.; a.example. 60 A 10.0.0.1")
		r.asked("www.example. A")
		r.want("Db.Team-1.SVC.cluster.LOCAL.", "NXDOMAIN; cluster.LOCAL. 30 SOA ns.dns.cluster.LOCAL. hostmaster.cluster.LOCAL. 1 7200 1800 86400 30")
	})
}

// TestAuthenticData sets AD only for clients that understand it (RFC 6840, section 5.7 and 5.8).
func TestAuthenticData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("a.example. A", "AD", "a.example. 60 A 10.0.0.1")
		for range 2 {
			r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
			r.want("a.example. ad", "NOERROR ad; a.example. 60 A 10.0.0.1")
			r.want("a.example. do", "NOERROR ad; a.example. 60 A 10.0.0.1; OPT 1232 do")
		}
		r.asked("a.example. A", "a.example. A") // DO is another question
	})
}

// TestReserved clears the reserved bit if an upstream set it (RFC 1035, section 4.1.1).
func TestReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("a.example. A", "Z", "a.example. 60 A 10.0.0.1")
		for range 2 { // a miss, and a hit
			if flags := wire.Message(r.send("a.example.").wait()).Flags(); flags&wire.Z != 0 {
				t.Errorf("flags %x", flags)
			}
		}
	})
}

// TestRecords passes on unknown types byte for byte (RFC 3597, section 3), and both a DNAME and the
// CNAME that is made of it (RFC 6672, section 3.1).
func TestRecords(t *testing.T) {
	for _, tt := range []struct {
		question string
		records  []string
	}{
		{"a.example. TYPE65280", []string{`a.example. 60 TYPE65280 \# 8 c00cdeadc00c0001`}},
		{"a.example. HTTPS", []string{`a.example. 60 HTTPS 1 . alpn="h2,h3" ipv4hint="10.0.0.1"`}},
		{"x.old.example. A", []string{"old.example. 60 DNAME new.example.", "x.old.example. 60 CNAME x.new.example.", "x.new.example. 60 A 10.0.0.1"}},
		{"a.example. NAPTR", []string{`a.example. 60 NAPTR 1 2 "s" "SIP+D2U" "" _sip._udp.a.example.`}},
		{"a.example. MX", []string{"a.example. 60 MX 10 mx.example.", "++", "mx.example. 60 A 10.0.0.9"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up.say(tt.question, tt.records...)
			want := strings.ReplaceAll("NOERROR; "+strings.Join(tt.records, "; "), "++; ", "+ ")
			r.want(tt.question, want)
			r.want(tt.question, want)
			r.asked(tt.question)
		})
	}
}

// TestSize fits answers to their clients: 512 bytes without EDNS (RFC 1035, section 4.2.1), with
// EDNS no more than our limit for UDP, and everything over TCP. A reply that does not fit has TC
// (RFC 2181, section 9) and its OPT record (RFC 6891, section 7).
func TestSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var records []string
		for i := range 100 {
			records = append(records, fmt.Sprintf("a.example. 60 A 10.0.0.%d", i))
		}
		r.up.say("a.example. A", records...)
		for range 2 {
			for _, tt := range []struct {
				words string
				least int
				most  int
				tc    bool
			}{
				{"a.example.", 496, 512, true},
				{"a.example. size=100", 496, 512, true},
				{"a.example. size=700", 684, 700, true},
				{"a.example. size=4096 cookie=0102030405060708", 1216, 1232, true},
				{"a.example. size=65535", 1216, 1232, true}, // and not more than a datagram holds
				{"a.example. size=512 tcp", 1600, 1700, false},
				{"a.example. tcp", 1600, 1700, false},
			} {
				b := r.send(tt.words).wait()
				m := wire.Message(b)
				if len(b) < tt.least || len(b) > tt.most || m.Truncated() != tt.tc {
					t.Errorf("%s: %d bytes, flags %x", tt.words, len(b), m.Flags())
				}
				if _, ok := m.OPT(); ok != strings.Contains(tt.words, "size") {
					t.Errorf("%s: OPT %v", tt.words, ok)
				}
				if new(dns.Msg).Unpack(b) != nil {
					t.Errorf("%s: malformed", tt.words)
				}
			}
		}
		r.block.UDPSize = 600 // bufsize
		if n := len(r.send("a.example. edns").wait()); n > 600 {
			t.Errorf("%d bytes", n)
		}
		r.asked("a.example. A")
	})
}

// TestTTL counts TTLs down (RFC 1035, section 3.2.1).
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
		pass(20 * second)
		r.want("a.example.", "NOERROR; a.example. 40 A 10.0.0.1")
		r.want("nx.example.", "NXDOMAIN; "+soa) // RFC 2308, section 5
		pass(10 * second)
		r.want("nx.example.", "NXDOMAIN; "+strings.Replace(soa, "30 SOA", "20 SOA", 1))
		r.asked("a.example. A", "nx.example. A")
	})
}

// TestRotation gives clients that wait for the same answer its addresses in different orders.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up.set(func(f *fake) { f.took = second })
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1", "a.example. 60 A 10.0.0.2", "a.example. 60 A 10.0.0.3")
		first := map[uint32]int{}
		var list []*sent
		for range 30 {
			list = append(list, r.send("a.example."))
		}
		for _, s := range list {
			b := s.wait()
			w := wire.Walk(b)
			w.Next()
			first[binary.BigEndian.Uint32(b[w.Data:])]++
		}
		if len(first) != 3 || first[0x0a000001] != 10 {
			t.Errorf("%v", first)
		}
	})
}

// TestAA shows that answers from upstream never claim authority, though the upstream's does: not to
// the client that asked first, not to those who waited with it, and not from the cache (RFC 1035,
// section 4.1.1; RFC 2181, section 5.4.1).
func TestAA(t *testing.T) {
	for query, says := range map[string][]string{
		"a.example.":       {"AA", "a.example. 60 A 10.0.0.1"},
		"a.example. edns":  {"AA", "a.example. 60 CNAME b.example.", "b.example. 60 A 10.0.0.1"},
		"nx.example.":      {"AA", "NXDOMAIN", "--", soa},
		"a.example. AAAA":  {"AA", "--", soa},
		"a.example. ANY":   {"AA", "a.example. 60 A 10.0.0.1", "a.example. 60 TXT x"},
		"no.example. tcp":  {"AA", "REFUSED"},
		"bad.example. tcp": {"AA", "SERVFAIL"},
		"not.kept.":        {"AA", "not.kept. 0 A 10.0.0.1"},
		"aa.example. do":   {"AA", "AD", "aa.example. 60 A 10.0.0.1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			words := strings.Fields(query + " A")
			typ := "A"
			if words[1] == "AAAA" || words[1] == "ANY" {
				typ = words[1]
			}
			r.up.say(words[0]+" "+typ, says...)
			r.up.set(func(f *fake) { f.took = second })
			first, along := r.send(query), r.send(query)
			for _, got := range []string{first.text(), along.text(), r.ask(query), r.ask(query + " tcp")} {
				if code, _, _ := strings.Cut(got, ";"); strings.Contains(code, " aa") {
					t.Errorf("%s: %s", query, got)
				}
			}
		})
	}
}

// TestANY asks upstream for ANY, as for any other type. Over UDP the client gets only one set of
// records with its signatures (RFC 8482, section 4.1), and nothing made up that a validator would
// reject.
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
			if n := len(r.take()); n != 1 && !tt.unsettled {
				t.Errorf("%s: upstream was asked %d times", what, n)
			}
			pass(time.Minute)
		})
	}
}

// parts returns the parts of a reply's text, sorted.
func parts(text string) []string { return slices.Sorted(strings.SplitSeq(text, "; ")) }

// TestCookieOnly answers a query that has a cookie and no question (RFC 7873, section 5.4) with a
// cookie of ours. The code is BADCOOKIE if the server's part of its cookie is not ours, or too old
// (RFC 9018, section 4.3). A query without a cookie must have a question.
func TestCookieOnly(t *testing.T) {
	const client = "0102030405060708"
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		good := hex.EncodeToString(r.Cookies.Append(nil, []byte{1, 2, 3, 4, 5, 6, 7, 8}, r.client.Addr(), time.Now()))
		for _, tt := range []struct{ words, want string }{
			{"cookie=" + client, "NOERROR noquestion; OPT 1232 cookie=" + client + "+16"},
			{"tcp cookie=" + client, "NOERROR noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=" + good, "NOERROR noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=" + client + strings.Repeat("ab", 16), "BADCOOKIE noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=" + client + strings.Repeat("ab", 8), "BADCOOKIE noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=01020304050607", "FORMERR noquestion; OPT 1232"},
			{"edns", "FORMERR noquestion; OPT 1232"},
			{"", "FORMERR noquestion"},
		} {
			r.want("a. questions=0 "+tt.words, tt.want)
		}
		r.asked()
		pass(61 * time.Minute)
		r.want("a. questions=0 cookie="+good, "BADCOOKIE noquestion; OPT 1232 cookie="+client+"+16")
	})
}
