package corefile

import (
	"math"

	"github.com/neardns/neardns/internal/wire"
)

func (p *forwardParser) maxFails() error {
	err := p.oneNumber(&p.Upstream.MaxFails, 0, math.MaxInt32, "NUMBER")
	if err == nil && p.Upstream.MaxFails == 0 {
		p.Upstream.MaxFails = -1 // what it is to upstream
	}
	return err
}

func (p *forwardParser) maxConnectAttempts() error {
	err := p.oneNumber(&p.Upstream.MaxAsks, 0, math.MaxInt32, "NUMBER")
	if err == nil && p.Upstream.MaxAsks == 0 {
		p.Upstream.MaxAsks = allAsks
	}
	return err
}

// healthCheck reads DURATION [no_rec] [domain FQDN].
func (p *forwardParser) healthCheck() error {
	const usage = "health_check DURATION [no_rec] [domain FQDN]"
	args, err := p.args(1, 4, usage)
	if err != nil {
		return err
	}
	if p.Upstream.CheckInterval, err = p.duration(args[0], 0); err != nil {
		return err
	}
	if p.Upstream.CheckInterval == 0 {
		p.note("a server that failed is checked every 500ms")
	}
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "no_rec":
			p.Upstream.CheckNoRecurse = true
		case args[0] == "domain" && len(args) > 1:
			name, err := wire.ParseName(args[1])
			if err != nil {
				return p.errorf("%v", err)
			}
			p.Upstream.CheckName, args = wire.Name(name.AppendLower(nil)).String(), args[1:]
		default:
			return p.errorf("%q, expected %s", args[0], usage)
		}
	}
	return nil
}
