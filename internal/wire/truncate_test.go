package wire

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// many returns a response with n addresses, an authority and an additional record, and an
// OPT record.
func many(t testing.TB, n int) []byte {
	m := reply(t, question("db.example.", dns.TypeA))
	for i := range n {
		m.Answer = append(m.Answer, rr(t, fmt.Sprintf("db.example. 5 A 10.0.%d.%d", i/256, i%256)))
	}
	m.Ns = rrs(t, "example. 5 NS ns.example.")
	m.Extra = rrs(t, "ns.example. 5 A 10.9.9.9")
	m.Compress = true
	return pack(t, withOPT(m, 1232, true))
}

func TestTruncate(t *testing.T) {
	const question, address, ns, extra = 28, 16, 17, 16
	exact := question + 10*address + ns + extra + optLen
	for _, tt := range []struct {
		size           int
		answer, ns, ar int
		tc             bool
	}{
		{exact, 10, 1, 1, false},
		{exact - 1, 10, 1, 0, false},         // additional records are nobody's loss (RFC 2181, section 9)
		{exact - extra, 10, 1, 0, false},     //
		{exact - extra - 1, 10, 0, 0, true},  //
		{exact - extra - ns, 10, 0, 0, true}, //
		{exact - extra - ns - 1, 9, 0, 0, true},
		{question + optLen + address, 1, 0, 0, true},
		{question + optLen, 0, 0, 0, true},
	} {
		b := Message(many(t, 10)).truncate(tt.size)
		m := unpack(t, b)
		if len(b) > tt.size || m.Truncated != tt.tc || len(m.Answer) != tt.answer || len(m.Ns) != tt.ns || len(m.Extra) != tt.ar+1 {
			t.Errorf("%d: %d bytes, %v", tt.size, len(b), m)
		}
		if o := m.IsEdns0(); o == nil || !o.Do() || o.UDPSize() != 1232 || len(m.Question) != 1 {
			t.Errorf("%d: question and OPT (RFC 6891, section 7): %v", tt.size, m)
		}
		if again := b.truncate(tt.size); !bytes.Equal(again, b) {
			t.Errorf("%d: cut again", tt.size)
		}
	}
	if b := Message(many(t, 10)).truncate(question + optLen - 1); len(b) != HeaderLen || !unpack(t, b).Truncated {
		t.Errorf("no room for the question: %x", b)
	}
}

// TestTruncateWithoutOPT has more room.
func TestTruncateWithoutOPT(t *testing.T) {
	b := Message(many(t, 100)).StripOPT().truncate(512)
	m := unpack(t, b)
	if len(m.Answer) != (512-28)/16 || !m.Truncated || m.IsEdns0() != nil {
		t.Error(m)
	}
}

// TestCloseReply leaves room for the OPT record, to the byte.
func TestCloseReply(t *testing.T) {
	q := parse(t, withOPT(question("db.example.", dns.TypeA), 512, true, cookie("0102030405060708")))
	o := &Options{Cookie: make([]byte, 24)}
	for _, size := range []int{512, 513, 1232, MaxMessage} {
		for _, edns := range []bool{false, true} {
			q.EDNS = edns
			b := CloseReply(append([]byte("xx"), Message(many(t, 100)).StripOPT()...), 2, size, q, o)
			m := unpack(t, b[2:])
			if m.Truncated != (size < 2000) || len(b)-2 > size || m.Truncated && len(b)-2+16 <= size || (m.IsEdns0() != nil) != edns {
				t.Errorf("%d, EDNS %v: %d bytes, %d answers", size, edns, len(b)-2, len(m.Answer))
			}
		}
	}
}

// sized returns a response of a size, in bytes, with a text, and an additional record if there is
// to be one. It has no OPT record.
func sized(t testing.TB, size int, extra bool) []byte {
	b := pack(t, reply(t, question("db.example.", dns.TypeNULL)))
	rest := size - len(b) - 12
	if extra {
		rest -= 16
	}
	b = AppendRecord(b, 0, Answer, nil, 10, IN, 5, make([]byte, rest))
	if extra {
		b = AppendRecord(b, 0, Additional, nil, A, IN, 5, []byte{10, 0, 0, 1})
	}
	if len(b) != size {
		t.Fatalf("%d bytes, want %d", len(b), size)
	}
	return b
}

// TestCloseReplyTCP never says over TCP that something is missing, where asking again would
// bring the same. Options go first, then the additional section, then the OPT record.
func TestCloseReplyTCP(t *testing.T) {
	q := parse(t, withOPT(question("db.example.", dns.TypeNULL), 1232, true, cookie("0102030405060708")))
	o := &Options{Cookie: make([]byte, 24), Keepalive: true, Error: Error{Set: true, Text: []byte("stale")}}
	for _, extra := range []bool{false, true} {
		for spare := range 2 * o.len() { // how much room the reply leaves
			b := sized(t, MaxMessage-spare, extra)
			whole := len(b)
			if extra {
				whole -= 16
			}
			b = CloseReply(b, 0, MaxMessage, q, o)
			m := unpack(t, b)
			opt := m.IsEdns0()
			switch {
			case m.Truncated || len(m.Answer) != 1 || len(b) > MaxMessage:
				t.Fatalf("%d to spare: %d bytes, TC %v", spare, len(b), m.Truncated)
			case (opt != nil) != (whole+optLen <= MaxMessage):
				t.Errorf("%d to spare: OPT %v", spare, opt)
			case opt != nil && len(opt.Option) > 1 != (spare >= o.len()-o.Error.len()): // the reason has less
				t.Errorf("%d to spare: options %v", spare, opt.Option)
			}
			if has := len(m.Extra) > 0 && m.Extra[0].Header().Rrtype == dns.TypeA; extra && has != (spare >= optLen || opt == nil) {
				t.Errorf("%d to spare: additional %v", spare, m.Extra)
			}
		}
	}
}

// TestCloseReplyTCPOver has TC, and an OPT record, where there is more than a message holds.
func TestCloseReplyTCPOver(t *testing.T) {
	q := parse(t, withOPT(question("db.example.", dns.TypeA), 1232, true))
	b := Message(many(t, 5000)).StripOPT()
	m := unpack(t, CloseReply(b, 0, MaxMessage, q, nil))
	if !m.Truncated || m.IsEdns0() == nil || len(m.Answer) != (MaxMessage-optLen-28)/16 {
		t.Errorf("TC %v, %d answers", m.Truncated, len(m.Answer))
	}
}

// TestCloseReplyReasonRFC8914 cuts a reason, and leaves it out, before any record goes, and without TC.
func TestCloseReplyReasonRFC8914(t *testing.T) {
	q := parse(t, withOPT(question("db.example.", dns.TypeA), 1232, true, cookie("0102030405060708")))
	o := &Options{Cookie: make([]byte, 24), Error: Error{Set: true, Code: StaleAnswer, Text: []byte("upstream is out")}}
	const cookieLen = 4 + 24
	for spare, text := range map[int]string{
		o.len(): "upstream is out", o.len() - 1: "upstream is ou", optLen + cookieLen + 6: "", optLen + cookieLen + 5: "none", optLen + cookieLen: "none",
	} {
		m := unpack(t, CloseReply(sized(t, 1232-spare, false), 0, 1232, q, o))
		got := "none"
		if options := m.IsEdns0().Option; len(options) == 2 {
			got = options[1].(*dns.EDNS0_EDE).ExtraText
		}
		if len(m.Answer) != 1 || m.Truncated || got != text {
			t.Errorf("%d to spare: %v, want %q", spare, m, text)
		}
	}
}

// TestTruncateMalformed gives up what stands behind a fault.
func TestTruncateMalformed(t *testing.T) {
	good := many(t, 100)
	for size := range len(good) {
		b := Message(bytes.Clone(good[:size])).truncate(max(size-1, 0))
		if size > HeaderLen && len(b) >= size {
			t.Fatalf("%d: %d bytes", size, len(b))
		}
		if len(b) >= HeaderLen {
			unpack(t, b)
		}
	}
}
