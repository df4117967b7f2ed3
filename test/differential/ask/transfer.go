package ask

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// transfer gathers what comes in answer to a zone transfer, which may be many
// messages, until the SOA that it began with comes again.
func (c *Client) transfer(q Question) (Answer, error) {
	m, err := c.exchange(q)
	if err != nil {
		return silence(err)
	}
	for !complete(m) {
		more, err := c.tcp.ReadMsg()
		if err != nil {
			c.Close()
			return silence(fmt.Errorf("transfer from %s: %w", c.server, err))
		}
		if err := c.tcp.SetDeadline(time.Now().Add(c.timeout)); err != nil {
			return Answer{}, fmt.Errorf("deadline: %w", err)
		}
		m.Answer = append(m.Answer, more.Answer...)
	}
	// A server may close after a transfer, so the next question dials anew.
	c.Close()
	return NewAnswer(m), nil
}

// complete tells whether a transfer is over: it failed, or is but one SOA, or
// is between two.
func complete(m *dns.Msg) bool {
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) < 2 {
		return true
	}
	return slices.IndexFunc(m.Answer[1:], isSOA) >= 0 || !isSOA(m.Answer[0])
}

func isSOA(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA }
