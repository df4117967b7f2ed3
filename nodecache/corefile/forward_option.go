package corefile

import (
	"math"
	"strings"
	"time"

	"github.com/neardns/neardns/nodecache/upstream"
)

// defaultExpire is the `expire` of CoreDNS, and upstream.Config's.
const defaultExpire = 10 * time.Second

// allAsks stands for no bound on the asks of a query: upstream has its own.
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
		return p.ignore("queries go over UDP unless force_tcp is there")
	case "expire":
		return p.expire()
	case "max_age":
		return p.maxAge()
	case "read_timeout":
		return p.oneDuration(&p.Upstream.ReadTimeout, 1)
	case "max_concurrent":
		return p.oneNumber(&p.Upstream.MaxConcurrent, 0, math.MaxInt32, "MAX")
	case "max_idle_conns":
		return p.unused("INTEGER", "there are never more than 4 connections to a server")
	case "doh_method":
		return p.unused("GET|POST", "no server is asked over HTTPS")
	}
	return p.readHealthOption()
}

// maxAge reads DURATION, where 0 stands for no limit.
func (p *forwardParser) maxAge() error {
	err := p.oneDuration(&p.Upstream.MaxAge, 0)
	if err == nil && p.Upstream.MaxAge == 0 {
		p.Upstream.MaxAge = -1
	}
	return err
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
		return p.flag(&p.Upstream.FailFast)
	}
	return p.noOption(strings.Fields(forwardOptions)...)
}

func (p *forwardParser) policy() error {
	const usage = "policy random|round_robin|sequential"
	args, err := p.args(1, 1, usage)
	if err != nil {
		return err
	}
	switch args[0] {
	case "random":
		p.Upstream.Policy = upstream.Random
	case "round_robin":
		p.Upstream.Policy = upstream.RoundRobin
	case "sequential":
		p.Upstream.Policy = upstream.Sequential
	default:
		return p.errorf("%q, expected %s", args[0], usage)
	}
	return nil
}

func (p *forwardParser) expire() error {
	err := p.oneDuration(&p.Upstream.IdleTimeout, 0)
	if err == nil && p.Upstream.IdleTimeout == 0 {
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
