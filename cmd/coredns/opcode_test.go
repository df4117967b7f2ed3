package main

import (
	"testing"

	"github.com/miekg/dns"
)

// TestUnknownOpcode sends queries with an opcode that nobody knows and with bits that only a
// reply may have, or that mean nothing there: the reply is NOTIMP and has none of them
// (RFC 8906, section 3.1.4; RFC 1035, section 4.1.1).
func TestUnknownOpcode(t *testing.T) {
	p := start(t, ".:PORT {\n bind HOST\n kubernetes cluster.local {\n  snapshot records.yaml\n }\n}\n",
		map[string]string{"records.yaml": service("10.96.0.1")})
	for _, network := range []string{"udp", "tcp"} {
		for _, opcode := range []int{dns.OpcodeIQuery, dns.OpcodeStatus, 3, dns.OpcodeUpdate, 6, 15} {
			for _, name := range []string{"web.ns.svc.cluster.local.", "example.com.", "."} {
				for _, size := range []uint16{0, 1232} {
					m := new(dns.Msg)
					m.SetQuestion(name, dns.TypeA)
					m.Opcode = opcode
					if size > 0 {
						m.SetEdns0(size, false)
					}
					m.Truncated, m.RecursionAvailable, m.AuthenticatedData, m.CheckingDisabled, m.Zero, m.Authoritative = true, true, true, true, true, true
					r, err := p.ask(network, m)
					if err != nil {
						t.Fatalf("opcode %d of %s over %s: %v", opcode, name, network, err)
					}
					if r.Rcode != dns.RcodeNotImplemented || r.Opcode != opcode || !r.Response || len(r.Answer) > 0 ||
						r.Truncated || r.RecursionAvailable || r.AuthenticatedData || r.CheckingDisabled || r.Zero || r.Authoritative {
						t.Errorf("opcode %d of %s over %s: %v", opcode, name, network, r)
					}
				}
			}
		}
	}
	odd := &dns.Msg{MsgHdr: dns.MsgHdr{Opcode: 15, Truncated: true, RecursionAvailable: true}, Question: []dns.Question{{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}}
	if r, err := p.ask("udp", odd); err != nil || r.Rcode != dns.RcodeRefused || r.Opcode != 15 || r.Truncated || r.RecursionAvailable {
		t.Errorf("of another class: %v, %v", r, err)
	}
	// Without a question there is nothing to hand on: the reply is as ever, of the right rcode.
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: 1, Opcode: 15}}
	for _, network := range []string{"udp", "tcp"} {
		if r, err := p.ask(network, m); err != nil || r.Rcode != dns.RcodeNotImplemented || r.Opcode != 15 {
			t.Errorf("header only over %s: %v, %v", network, r, err)
		}
	}
}

// TestAccept shows which headers are let through beyond those that miekg/dns accepts.
func TestAccept(t *testing.T) {
	const odd = 1<<9 | 1<<7 // TC and RA
	for _, tt := range []struct {
		header dns.Header
		want   dns.MsgAcceptAction
	}{
		{dns.Header{Bits: 0, Qdcount: 1}, dns.MsgAccept},
		{dns.Header{Bits: odd, Qdcount: 1}, dns.MsgAccept},
		{dns.Header{Bits: 15 << 11, Qdcount: 1}, dns.MsgRejectNotImplemented}, // its reply has nothing odd
		{dns.Header{Bits: 15<<11 | odd, Qdcount: 1}, dns.MsgAccept},
		{dns.Header{Bits: 15<<11 | odd, Qdcount: 1, Ancount: 1, Nscount: 1, Arcount: 2}, dns.MsgAccept},
		{dns.Header{Bits: 15<<11 | odd}, dns.MsgRejectNotImplemented},
		{dns.Header{Bits: 15<<11 | odd, Qdcount: 2}, dns.MsgRejectNotImplemented},
		{dns.Header{Bits: 5<<11 | odd, Qdcount: 1, Nscount: 9}, dns.MsgRejectNotImplemented},
		{dns.Header{Bits: 1<<15 | 15<<11 | odd, Qdcount: 1}, dns.MsgIgnore}, // a reply
	} {
		if got := accept(tt.header); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.header, got, tt.want)
		}
	}
}
