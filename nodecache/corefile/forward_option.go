package corefile

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// defaultExpire is the `expire` of CoreDNS, and Pool's.
const defaultExpire = 10 * time.Second

// allAsks stands for no bound on the asks of a query: a Pool has its own.
const allAsks = 32

const forwardOptions = "except force_tcp prefer_udp expire max_age max_idle_conns read_timeout max_fails " +
	"max_connect_attempts doh_method tls tls_servername policy health_check max_concurrent next next_on_nodata " +
	"failfast_all_unhealthy_upstreams failover source_address resolver follow"

// readOption reads one option: those about servers and names here, others below.
func (p *forwardParser) readOption() (err error) {
	switch p.option {
	case "except":
		return p.except()
	case "follow":
		return p.follow()
	case "resolver":
		return p.resolver()
	case "source_address":
		return p.sourceAddress()
	case "policy":
		return p.policy()
	case "next":
		return p.next()
	case "next_on_nodata":
		return p.flag(&p.NextOnNodata)
	case "failover":
		return p.failover()
	case "tls":
		return p.tls()
	case "tls_servername":
		return p.tlsServerName()
	}
	return p.readConnOption()
}

// readConnOption reads an option about connections.
func (p *forwardParser) readConnOption() error {
	switch p.option {
	case "force_tcp":
		return p.flag(&p.forceTCP)
	case "prefer_udp":
		return p.flag(&p.PreferUDP)
	case "expire":
		return p.expire()
	case "max_age":
		return p.oneDuration(&p.Pool.MaxAge, 0)
	case "read_timeout":
		return p.oneDuration(&p.Pool.ReadTimeout, 1)
	case "max_concurrent":
		return p.oneNumber(&p.Pool.MaxConcurrent, 0, math.MaxInt32, "MAX")
	case "max_idle_conns":
		return p.unused("INTEGER", "there are never more than 4 connections to a server")
	case "doh_method":
		return p.unused("GET|POST", "no server is asked over HTTPS")
	}
	return p.readHealthOption()
}

// readHealthOption reads an option about servers that fail.
func (p *forwardParser) readHealthOption() error {
	switch p.option {
	case "max_fails":
		return p.maxFails()
	case "max_connect_attempts":
		return p.maxConnectAttempts()
	case "health_check":
		return p.healthCheck()
	case "failfast_all_unhealthy_upstreams":
		return p.flag(&p.Pool.FailFast)
	}
	return p.noOption(strings.Fields(forwardOptions)...)
}

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
	p.Pool.Name = name.String()
	if len(args) > 1 {
		port, err := p.number(args[1], 1, 65535)
		p.Pool.Port = uint16(port)
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
		p.Pool.Source, err = p.addr(args[0])
	}
	return err
}

func (p *forwardParser) policy() error {
	const usage = "policy random|round_robin|sequential"
	args, err := p.args(1, 1, usage)
	if err != nil {
		return err
	}
	switch args[0] {
	case "random":
		p.Pool.Policy = upstream.Random
	case "round_robin":
		p.Pool.Policy = upstream.RoundRobin
	case "sequential":
		p.Pool.Policy = upstream.Sequential
	default:
		return p.errorf("%q, expected %s", args[0], usage)
	}
	return nil
}

func (p *forwardParser) expire() error {
	err := p.oneDuration(&p.Pool.IdleTimeout, 0)
	if err == nil && p.Pool.IdleTimeout == 0 {
		p.note("connections are kept for " + defaultExpire.String())
	}
	return err
}

// unused reads an option with one argument and notes it.
func (p *forwardParser) unused(argument, why string) error {
	_, err := p.args(1, 1, p.option+" "+argument)
	if err == nil {
		p.note(why)
	}
	return err
}

func (p *forwardParser) maxFails() error {
	err := p.oneNumber(&p.Pool.MaxFails, 0, math.MaxInt32, "NUMBER")
	if err == nil && p.Pool.MaxFails == 0 {
		p.Pool.MaxFails = -1 // what it is to a Pool
	}
	return err
}

func (p *forwardParser) maxConnectAttempts() error {
	err := p.oneNumber(&p.Pool.MaxAsks, 0, math.MaxInt32, "NUMBER")
	if err == nil && p.Pool.MaxAsks == 0 {
		p.Pool.MaxAsks = allAsks
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
	if p.Pool.CheckInterval, err = p.duration(args[0], 0); err != nil {
		return err
	}
	if p.Pool.CheckInterval == 0 {
		p.note("a server that failed is checked every 500ms")
	}
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "no_rec":
			p.Pool.CheckNoRecurse = true
		case args[0] == "domain" && len(args) > 1:
			name, err := wire.ParseName(args[1])
			if err != nil {
				return p.errorf("%v", err)
			}
			p.Pool.CheckName, args = wire.Name(name.AppendLower(nil)).String(), args[1:]
		default:
			return p.errorf("%q, expected %s", args[0], usage)
		}
	}
	return nil
}

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
		p.Pool.Failover = append(p.Pool.Failover, uint8(r))
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
