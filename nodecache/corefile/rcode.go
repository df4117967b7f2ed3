package corefile

import (
	"slices"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

func (p *forwardParser) next() error {
	rcodes, err := p.rcodes()
	p.Next = append(p.Next, rcodes...)
	return err
}

func (p *forwardParser) failover() error {
	rcodes, err := p.rcodes()
	for _, r := range rcodes {
		if r == wire.NoError {
			return p.errorf("NOERROR is an answer, expected RCODEs such as SERVFAIL or REFUSED")
		}
		p.Upstream.Failover = append(p.Upstream.Failover, uint8(r))
	}
	return err
}

// rcodes reads RCODEs of a header (RFC 1035, section 4.1.1; RFC 2136, section 2.2).
func (p *forwardParser) rcodes() ([]wire.Rcode, error) {
	const known = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE"
	args, err := p.args(1, -1, p.option+" RCODE...")
	var rcodes []wire.Rcode
	for _, arg := range args {
		code := slices.Index(strings.Fields(known), strings.ToUpper(arg))
		if code < 0 {
			return nil, p.errorf("%q, expected an RCODE of %s", arg, known)
		}
		rcodes = append(rcodes, wire.Rcode(code))
	}
	return rcodes, err
}
