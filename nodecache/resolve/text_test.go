package resolve

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/wire"
)

// inText takes out of a record's text what all have.
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

// describe returns a reply as text, and checks that it is one to the query: the code and the
// flags beside QR, RD and RA; the records; what the OPT record says.
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
