package hard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// patience is how long a client waits. An answer takes 4 s at most, so a longer one is none.
const patience = 8 * time.Second

// client asks over udp or tcp, from a certain address or from any.
type client struct {
	network string
	from    netip.Addr
}

// The clients that most tests need.
var (
	overUDP = client{network: "udp"}
	overTCP = client{network: "tcp"}
)

// answer is what a client got.
type answer struct {
	*dns.Msg // empty if err is not nil
	err      error
	took     time.Duration
}

// ask asks for an address once, with EDNS. If the answer is truncated it asks again over TCP.
func (c client) ask(to netip.AddrPort, name string) answer {
	began := time.Now()
	m, err := c.exchange(to, question(name))
	if err == nil && m.Truncated && c.network == "udp" {
		m, err = client{"tcp", c.from}.exchange(to, question(name))
	}
	if err != nil {
		m = new(dns.Msg)
	}
	return answer{m, err, time.Since(began)}
}

// question returns a query for a name's addresses.
func question(name string) *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	return q.SetEdns0(1232, false)
}

func (c client) exchange(to netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	conn, err := c.dial(to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	dc := dns.Conn{Conn: conn, UDPSize: 4096}
	if err := dc.WriteMsg(q); err != nil {
		return nil, err
	}
	m, err := dc.ReadMsg()
	switch {
	case err != nil:
		return nil, err
	case m.Id != q.Id || !m.Response || len(m.Question) != 1 || m.Question[0] != q.Question[0]:
		return nil, errors.New("the reply is to another question")
	}
	return m, nil
}

func (c client) dial(to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	if c.from.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.from, 0))
		if c.network == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 0))
		}
	}
	return d.Dial(c.network, to.String())
}

// extended returns the Extended DNS Error (RFC 8914), -1 for none.
func (a answer) extended() int {
	if o := a.IsEdns0(); o != nil {
		for _, option := range o.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok {
				return int(e.InfoCode)
			}
		}
	}
	return -1
}

// right reports whether a has the right address of its name and no other.
func (a answer) right() bool {
	if a.err != nil || a.Rcode != dns.RcodeSuccess || len(a.Answer) == 0 {
		return false
	}
	want := addressOf(strings.ToLower(a.Question[0].Name))
	for _, rr := range a.Answer {
		if got, ok := rr.(*dns.A); !ok || got.A.String() != want.String() {
			return false
		}
	}
	return true
}

// failed reports whether a is SERVFAIL without records.
func (a answer) failed() bool {
	return a.err == nil && a.Rcode == dns.RcodeServerFailure && len(a.Answer) == 0
}

// forged reports whether the answer holds the address that must not be believed.
func (a answer) forged() bool {
	for _, rr := range a.Answer {
		if strings.Contains(rr.String(), forged.String()) {
			return true
		}
	}
	return false
}

func (a answer) String() string {
	if a.err != nil {
		return fmt.Sprintf("%v after %v", a.err, a.took)
	}
	text := fmt.Sprintf("%s, %d records, EDE %d, after %v", dns.RcodeToString[a.Rcode], len(a.Answer), a.extended(), a.took.Round(time.Millisecond))
	if len(a.Answer) > 0 {
		text += ", the first is " + a.Answer[0].String()
	}
	return text
}
