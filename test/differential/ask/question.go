// Package ask asks DNS servers questions, and returns their answers in a form
// that can be compared.
package ask

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Question is all that a server can see of a query.
type Question struct {
	Name string
	Type uint16

	TCP    bool
	Size   uint16 // the EDNS buffer size; 0: no EDNS
	Option uint16 // an EDNS option; 0: none. Data says what is in it
	DO     bool
	RD     bool
	CD     bool
	AD     bool
	Serial uint32 // of an IXFR
}

// String is the question as one would ask dig.
func (q Question) String() string {
	words := []string{q.Name, dns.Type(q.Type).String()}
	for word, on := range map[string]bool{"+tcp": q.TCP, "+do": q.DO, "+rd": q.RD, "+cd": q.CD, "+ad": q.AD} {
		if on {
			words = append(words, word)
		}
	}
	if q.Size > 0 {
		words = append(words, fmt.Sprintf("+bufsize=%d", q.Size))
	}
	if q.Option > 0 {
		words = append(words, fmt.Sprintf("+ednsopt=%d:%x", q.Option, Data(q.Option)))
	}
	return strings.Join(words, " ")
}

// Message is the query as a DNS message.
func (q Question) Message(id uint16) *dns.Msg {
	m := new(dns.Msg)
	m.Id = id
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = q.RD, q.CD, q.AD
	m.Question = []dns.Question{{Name: q.Name, Qtype: q.Type, Qclass: dns.ClassINET}}
	if q.Size > 0 {
		m.SetEdns0(q.Size, q.DO)
		if q.Option > 0 {
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: q.Option, Data: Data(q.Option)}}
		}
	}
	if q.Type == dns.TypeIXFR {
		m.Ns = []dns.RR{&dns.SOA{
			Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeSOA, Class: dns.ClassINET},
			Ns:  ".", Mbox: ".", Serial: q.Serial,
		}}
	}
	return m
}

// Data is what questions have in an EDNS option.
func Data(option uint16) []byte {
	switch option {
	case dns.EDNS0COOKIE: // a client's half (RFC 7873, section 4)
		return []byte("a client")
	case dns.EDNS0SUBNET: // 10.1.2.0/24 (RFC 7871, section 6)
		return []byte{0, 1, 24, 0, 10, 1, 2}
	case dns.EDNS0PADDING:
		return make([]byte, 20)
	}
	return nil
}
