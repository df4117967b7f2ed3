package corefile

import (
	"math"
	"slices"
	"time"
)

// Defaults and limits of CoreDNS 1.15.0.
const (
	defaultHealth     = ":8080"
	defaultReady      = ":8181"
	defaultPprof      = "localhost:6053"
	defaultPrometheus = "localhost:9153"
	defaultInterval   = 30 * time.Second
	defaultJitter     = 15 * time.Second
	minInterval       = 2 * time.Second
	minJitter         = time.Second
)

// listener returns the address of [ADDRESS], or the default.
func (p *parser) listener(args []string, otherwise string) (string, error) {
	if len(args) == 0 {
		return otherwise, nil
	}
	return p.listenAddr(args[0])
}

func readHealth(p *parser, args []string) error {
	addr, err := p.listener(args, defaultHealth)
	if err != nil {
		return err
	}
	for _, h := range p.conf.Health {
		if h.Addr == addr {
			return p.errorf("%s is already at %s, expected another address, or health once", addr, h.Pos)
		}
	}
	p.conf.Health = append(p.conf.Health, Health{Pos: p.pos(), Addr: addr})
	return nil
}

func healthLameduck(p *parser, args []string) (err error) {
	h := &p.conf.Health[len(p.conf.Health)-1]
	h.Lameduck, err = p.duration(args[0], 0)
	return err
}

// readReady: blocks may share an address. The last of them says whether to monitor.
func readReady(p *parser, args []string) error {
	addr, err := p.listener(args, defaultReady)
	if err != nil {
		return err
	}
	same := func(r Ready) bool { return r.Addr == addr }
	p.conf.Ready = append(slices.DeleteFunc(p.conf.Ready, same), Ready{Addr: addr})
	return nil
}

func readyMonitor(p *parser, args []string) error {
	if args[0] != "until-ready" && args[0] != "continuously" {
		return p.unexpected(args...)
	}
	p.conf.Ready[len(p.conf.Ready)-1].Continuously = args[0] == "continuously"
	return nil
}

// readReload: the last block's is the process's.
func readReload(p *parser, args []string) (err error) {
	r := Reload{defaultInterval, defaultJitter}
	if len(args) > 0 {
		if r.Interval, err = p.duration(args[0], minInterval); err != nil {
			return err
		}
	}
	if len(args) > 1 {
		if r.Jitter, err = p.duration(args[1], 0); err != nil {
			return err
		}
	}
	if r.Jitter != 0 && r.Jitter < minJitter {
		return p.errorf("a jitter of %s, expected 0s or at least %s", r.Jitter, minJitter)
	}
	r.Jitter = min(r.Jitter, r.Interval/2)
	p.conf.Reload = &r
	return nil
}

func readPprof(p *parser, args []string) error {
	addr, err := p.listener(args, defaultPprof)
	p.conf.Pprof = &Pprof{Addr: addr}
	return err
}

func pprofBlock(p *parser, args []string) (err error) {
	p.conf.Pprof.BlockRate = 1
	if len(args) > 0 {
		p.conf.Pprof.BlockRate, err = p.number(args[0], 0, math.MaxInt32)
	}
	return err
}

func readPrometheus(p *parser, args []string) error {
	addr, err := p.listener(args, defaultPrometheus)
	p.block.Prometheus = &Prometheus{addr}
	return err
}
