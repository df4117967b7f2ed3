package ask

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// transfers are the transfers under way. The express lane lets a client that is alone have eight.
var transfers = make(chan struct{}, 4)

// transfer reads the answer to a zone transfer. It may have many messages, and
// ends when the SOA record that it began with comes again.
func (c *Client) transfer(q Question) (Answer, error) {
	transfers <- struct{}{}
	defer func() { <-transfers }()
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
	// A server may close the connection after a transfer, so the next question
	// opens another.
	c.Close()
	return NewAnswer(m), nil
}

// complete reports whether a transfer is complete: it failed, or is a single SOA
// record, or begins and ends with one, or is no transfer.
func complete(m *dns.Msg) bool {
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) < 2 {
		return true
	}
	return slices.IndexFunc(m.Answer[1:], isSOA) >= 0 || !isSOA(m.Answer[0])
}

func isSOA(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA }
