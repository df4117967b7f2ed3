package resolve

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// build returns a query: a name, and words for all else.
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

// option returns an option of an OPT record, nil for another word.
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
