package resolve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/wire"
)

// build returns a query: first the name, then words for everything else.
func build(t testing.TB, words string) []byte {
	t.Helper()
	fields := strings.Fields(words)
	m := new(dns.Msg)
	m.SetQuestion(fields[0], dns.TypeA)
	m.Id = 0x4242
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 1232}}
	edns := 0
	for _, w := range fields[1:] {
		key, value, _ := strings.Cut(w, "=")
		if o := option(t, key, value); o != nil {
			opt.Option, edns = append(opt.Option, o), max(edns, 1)
			continue
		}
		switch key {
		case "tcp", "leaving", "cut":
		case "edns":
			edns = max(edns, 1)
		case "twice":
			edns = 2
		case "size":
			opt.SetUDPSize(uint16(number(t, value)))
			edns = 1
		case "do":
			opt.SetDo()
			edns = 1
		case "version":
			opt.SetVersion(uint8(number(t, value)))
			edns = 1
		case "ad":
			m.AuthenticatedData = true
		case "cd":
			m.CheckingDisabled = true
		case "z":
			m.Zero = true
		case "nord":
			m.RecursionDesired = false
		case "id":
			m.Id = uint16(number(t, value))
		case "opcode":
			m.Opcode = number(t, value)
		case "class":
			m.Question[0].Qclass = uint16(number(t, value))
		case "questions":
			m.Question = slices.Repeat(m.Question, number(t, value))
		default:
			m.Question[0].Qtype = qtype(t, w)
		}
	}
	for range edns {
		m.Extra = append(m.Extra, opt)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// option returns an option of the OPT record, or nil if key names none.
func option(t testing.TB, key, value string) dns.EDNS0 {
	switch key {
	case "cookie":
		return &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: value}
	case "keepalive":
		return &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}
	case "nsid":
		return &dns.EDNS0_NSID{Code: dns.EDNS0NSID}
	case "padding":
		return &dns.EDNS0_PADDING{Padding: make([]byte, 20)}
	case "ecs":
		return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{192, 0, 2, 0}}
	}
	return nil
}

// inText removes from the text of a record what all records have.
var inText = strings.NewReplacer("\tIN\t", " ", "\tCLASS1\t", " ", "\t", " ")

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// qtype reads a type's mnemonic, or TYPE and its number.
func qtype(t testing.TB, text string) uint16 {
	t.Helper()
	if n, ok := dns.StringToType[text]; ok {
		return n
	}
	n, ok := strings.CutPrefix(text, "TYPE")
	if !ok {
		t.Fatalf("what is %q?", text)
	}
	return uint16(number(t, n))
}

// describe returns a reply as text: the code, the flags except QR, RD and RA, the records, and the
// content of the OPT record. It checks that the reply belongs to the query.
func describe(t testing.TB, query, reply []byte) string {
	t.Helper()
	var q, m dns.Msg
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("%v: %x", err, reply)
	}
	if err := q.Unpack(query); err != nil {
		t.Fatal(err)
	}
	if m.Id != q.Id || !m.Response || m.Opcode != q.Opcode || len(m.Question) > 1 {
		t.Fatalf("%v\n is no reply to\n%v", &m, &q)
	}
	if len(m.Question) == 1 && m.Question[0] != q.Question[0] {
		t.Fatalf("asked %v, the reply has %v", q.Question[0], m.Question[0])
	}
	if known := q.Opcode == dns.OpcodeQuery; m.RecursionAvailable != known || m.RecursionDesired != q.RecursionDesired || m.Zero {
		t.Errorf("RD or RA is wrong in %v", &m)
	}
	text := wire.Rcode(m.Rcode).String() + flags(&m)
	if len(m.Question) == 0 {
		text += " noquestion"
	}
	for _, r := range append(m.Answer, m.Ns...) {
		text += "; " + inText.Replace(r.String())
	}
	for _, r := range m.Extra {
		if opt, ok := r.(*dns.OPT); ok {
			text += "; " + describeOPT(opt)
		} else {
			text += "; + " + inText.Replace(r.String())
		}
	}
	return text
}

func flags(m *dns.Msg) (text string) {
	for _, f := range []struct {
		set  bool
		text string
	}{{m.Authoritative, " aa"}, {m.Truncated, " tc"}, {m.AuthenticatedData, " ad"}, {m.CheckingDisabled, " cd"}} {
		if f.set {
			text += f.text
		}
	}
	return text
}

func describeOPT(opt *dns.OPT) string {
	text := fmt.Sprint("OPT ", opt.UDPSize())
	if opt.Do() {
		text += " do"
	}
	for _, o := range opt.Option {
		switch o := o.(type) {
		case *dns.EDNS0_COOKIE:
			text += fmt.Sprintf(" cookie=%.16s+%d", o.Cookie, len(o.Cookie)/2-8)
		case *dns.EDNS0_EDE:
			text += fmt.Sprint(" ede=", o.InfoCode)
		case *dns.EDNS0_TCP_KEEPALIVE:
			text += fmt.Sprint(" keepalive=", o.Timeout)
		default:
			text += fmt.Sprint(" option ", o.Option())
		}
	}
	return text
}
