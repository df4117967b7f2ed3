package corefile

import "github.com/neardns/neardns/internal/wire"

func (p *forwardParser) except() error {
	args, err := p.args(1, -1, "except NAMES...")
	if err != nil {
		return err
	}
	zones, err := p.zones(args)
	p.Except = append(p.Except, zones...)
	return err
}

// follow reads NAME [PORT] of a headless Service.
func (p *forwardParser) follow() error {
	args, err := p.args(1, 2, "follow NAME [PORT]")
	if err != nil {
		return err
	}
	name, err := wire.ParseName(args[0])
	if err != nil || name.IsRoot() {
		return p.errorf("%q, expected the DNS name of a headless Service", args[0])
	}
	p.Upstream.Name = name.String()
	if len(args) > 1 {
		port, err := p.number(args[1], 1, 65535)
		p.Upstream.Port = uint16(port)
		return err
	}
	return nil
}

func (p *forwardParser) resolver() error {
	args, err := p.args(1, -1, "resolver IP[:PORT]...")
	p.Resolvers = nil
	for _, arg := range args {
		at, name, err := parseAddrPort(arg, 53)
		if err != nil || name != "" {
			return p.errorf("%q, expected an IP address with or without a port", arg)
		}
		p.Resolvers = append(p.Resolvers, at)
	}
	return err
}

func (p *forwardParser) sourceAddress() error {
	args, err := p.args(1, 1, "source_address IP")
	if err == nil {
		p.Upstream.Source, err = p.addr(args[0])
	}
	return err
}
