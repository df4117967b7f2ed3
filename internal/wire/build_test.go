package wire

import (
	"bytes"
	"hash/maphash"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAppendQuery(t *testing.T) {
	q := &Query{ID: 7, RD: true, CD: true, Name: name(t, "wWw.example."), Type: AAAA, Class: IN, OPT: OPT{DO: true}}
	b := AppendQuery([]byte("before"), q, AppendOption(nil, OptionKeepalive, nil))
	m := unpack(t, b[len("before"):])
	o := m.IsEdns0()
	if m.Id != 7 || !m.RecursionDesired || !m.CheckingDisabled || m.AuthenticatedData || m.Response ||
		m.Question[0] != (dns.Question{Name: "wWw.example.", Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}) {
		t.Error(m)
	}
	if o == nil || o.UDPSize() != UDPSize || !o.Do() || len(o.Option) != 1 || o.Option[0].Option() != dns.EDNS0TCPKEEPALIVE {
		t.Error(o)
	}
	if back := new(Query); back.Parse(b[len("before"):]) != Valid || !back.Keepalive || back.Timed || back.UDPSize != UDPSize {
		t.Errorf("%+v", back)
	}
}

func TestAppendReply(t *testing.T) {
	q := parse(t, withOPT(question("A.example.", dns.TypeA), 4096, true, cookie("0102030405060708")))
	o := &Options{
		Cookie:    append(bytes.Clone(q.Cookie), "sixteen of ours!"...),
		Keepalive: true, Timeout: 300,
		Error: Error{Set: true, Code: StaleAnswer, Text: []byte("upstream is out")},
	}
	b := AppendReply([]byte("xx"), q, BadCookie, RA, o)[2:]
	m := unpack(t, b)
	opt := m.IsEdns0()
	if m.Rcode != dns.RcodeBadCookie || !m.Response || !m.RecursionAvailable || m.Question[0].Name != "A.example." {
		t.Error(m)
	}
	if opt.UDPSize() != UDPSize || !opt.Do() || len(opt.Option) != 3 || opt.Version() != 0 {
		t.Fatal(opt)
	}
	if e := opt.Option[2].(*dns.EDNS0_EDE); e.InfoCode != dns.ExtendedErrorCodeStaleAnswer || e.ExtraText != "upstream is out" {
		t.Error(e)
	}
	if k := opt.Option[1].(*dns.EDNS0_TCP_KEEPALIVE); k.Timeout != 300 {
		t.Error(k)
	}
	if got := len(b) - len(AppendHeader(nil, q, BadCookie, RA)); got != o.len() {
		t.Errorf("Len says %d, written %d", o.len(), got)
	}
	back, ok := Message(b).OPT()
	if !ok || !bytes.Equal(back.Cookie, o.Cookie) || !back.Timed || back.Timeout != 300 || !back.Error.Set || back.Error.Code != StaleAnswer {
		t.Errorf("%+v", back)
	}
	if Message(b).Rcode() != BadCookie {
		t.Error(Message(b).Rcode())
	}
}

// TestReplyToFault answers what Parse turned away.
func TestReplyToFault(t *testing.T) {
	for _, tt := range []struct {
		name      string
		msg       *dns.Msg
		rcode     int
		question  int
		withOPT   bool
		ourOpcode int
	}{
		{"UPDATE", opcode(dns.OpcodeUpdate), dns.RcodeNotImplemented, 0, false, dns.OpcodeUpdate},
		{"two OPTs", twoOPTs(), dns.RcodeFormatError, 1, true, 0},
		{"version 3", version(withOPT(question("a.", dns.TypeA), 1232, false), 3), dns.RcodeBadVers, 1, true, 0},
	} {
		var q Query
		status := q.Parse(pack(t, tt.msg))
		m := unpack(t, AppendReply(nil, &q, status.Rcode(), RA, nil))
		if m.Rcode != tt.rcode || len(m.Question) != tt.question || (m.IsEdns0() != nil) != tt.withOPT || m.Opcode != tt.ourOpcode || m.Id != 0x1234 {
			t.Errorf("%s: %v", tt.name, m)
		}
		if o := m.IsEdns0(); o != nil && o.Version() != 0 {
			t.Errorf("%s: version %d (RFC 6891, 6.1.3)", tt.name, o.Version())
		}
	}
}

// TestClaims shows that a reply has of AA and RA what the server claims, and no other bit.
func TestClaims(t *testing.T) {
	q := parse(t, question("a.", dns.TypeA))
	for claims, want := range map[Flags]Flags{0: 0, RA: RA, AA: AA, AA | RA | TC | Z | AD | rcodeBits: AA | RA} {
		if got := Message(AppendHeader(nil, q, NoError, claims)).Flags(); got != QR|RD|want {
			t.Errorf("%04x: %04x", claims, got)
		}
	}
	q.Opcode = 5 // UPDATE
	if got := Message(AppendHeader(nil, q, NotImpl, AA|RA)).Flags(); got != QR|RD|5<<opcodeShift|Flags(NotImpl) {
		t.Errorf("UPDATE: %04x", got)
	}
}

func TestAppendRecord(t *testing.T) {
	q := parse(t, withOPT(question("localhost.", dns.TypeA), 1232, false))
	b := AppendHeader([]byte("xx"), q, NoError, RA)
	b = AppendRecord(b, 2, Answer, nil, A, IN, 60, []byte{127, 0, 0, 1})
	b = AppendRecord(b, 2, Authority, name(t, "."), TXT, IN, 1, []byte("\x02hi"))
	b = appendOPT(b, 2, q, NoError, nil)
	m := unpack(t, b[2:])
	if len(m.Answer) != 1 || m.Answer[0].String() != "localhost.\t60\tIN\tA\t127.0.0.1" || len(m.Ns) != 1 || m.IsEdns0() == nil {
		t.Error(m)
	}
	if got := AppendRecord([]byte("short"), 2, Answer, nil, A, IN, 1, nil); string(got) != "short" {
		t.Errorf("%q", got)
	}
}

// TestErrorTextIsCut keeps a long explanation from breaking the option's length.
func TestErrorTextIsCut(t *testing.T) {
	q := parse(t, withOPT(question("a.", dns.TypeA), 1232, false))
	o := &Options{Error: Error{Set: true, Text: []byte(strings.Repeat("x", 70000))}}
	b := AppendReply(nil, q, ServFail, RA, o)
	if e := unpack(t, b).IsEdns0().Option[0].(*dns.EDNS0_EDE); len(e.ExtraText) != MaxErrorText {
		t.Error(len(e.ExtraText))
	}
	if got := len(b) - len(AppendHeader(nil, q, ServFail, RA)); got != o.len() {
		t.Errorf("Len says %d, written %d", o.len(), got)
	}
}

func TestKey(t *testing.T) {
	seed := maphash.MakeSeed()
	ask := func(n string, qtype uint16, do, cd bool) string {
		m := withOPT(question(n, qtype), 1232, do)
		m.CheckingDisabled = cd
		return string(AppendKey(nil, parse(t, m)))
	}
	key := ask("Www.Example.", dns.TypeA, false, false)
	if key != "\x03www\x07example\x00\x00\x01\x00\x01\x00" {
		t.Errorf("%q", key)
	}
	if other := ask("wWW.eXAMPLE.", dns.TypeA, false, false); other != key || Hash(seed, []byte(other)) != Hash(seed, []byte(key)) {
		t.Error("case tells keys apart")
	}
	seen := map[string]bool{key: true}
	for _, other := range []string{
		ask("www.example.", dns.TypeAAAA, false, false), ask("www.example.", dns.TypeA, true, false),
		ask("www.example.", dns.TypeA, false, true), ask("www.example.", dns.TypeA, true, true),
		ask("ww.example.", dns.TypeA, false, false),
	} {
		if seen[other] {
			t.Errorf("%q twice", other)
		}
		seen[other] = true
	}
	if n := len(AppendKey(nil, &Query{Name: make(Name, MaxName)})); n != MaxKey {
		t.Error(n)
	}
}
