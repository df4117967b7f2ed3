package main

import "github.com/miekg/dns"

// oddBits are the bits of a query's header that must not come back in the reply to an unknown
// opcode (RFC 1035, section 4.1.1): AA, TC, RA, Z, AD, CD.
const oddBits = 1<<10 | 1<<9 | 1<<7 | 1<<6 | 1<<5 | 1<<4

// accept lets queries with an unknown opcode and odd bits pass, so that CoreDNS answers NOTIMP
// itself. The library's own NOTIMP sends the query's header back with all its bits (RFC 8906,
// section 3.1.4). CoreDNS answers REFUSED instead at names of no server block and in classes that
// it does not serve. Queries without a question do not pass: CoreDNS would answer SERVFAIL.
func accept(h dns.Header) dns.MsgAcceptAction {
	action := libraryAccepts(h)
	few := h.Qdcount == 1 && h.Ancount <= 1 && h.Nscount <= 1 && h.Arcount <= 2 // as in queries
	if action == dns.MsgRejectNotImplemented && h.Bits&oddBits != 0 && few {
		return dns.MsgAccept
	}
	return action
}

var libraryAccepts = dns.DefaultMsgAcceptFunc
