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

// listener reads [ADDRESS], a default if there is none.
func (d *directive) listener(otherwise string) (string, error) {
	args, err := d.args(0, 1, d.name+" [ADDRESS]")
	if err != nil || len(args) == 0 {
		return otherwise, err
	}
	return d.listenAddr(args[0])
}

// health reads [ADDRESS] { lameduck DURATION }.
func (d *directive) health() error {
	addr, err := d.listener(defaultHealth)
	if err != nil {
		return err
	}
	for _, h := range d.conf.Health {
		if h.Addr == addr {
			return d.errorf("%s has it on %s already, expected it once or another address", h.Pos, addr)
		}
	}
	h := Health{Pos: d.pos(), Addr: addr}
	err = d.options(func() error {
		if d.option != "lameduck" {
			return d.noOption("lameduck")
		}
		return d.oneDuration(&h.Lameduck, 0)
	})
	d.conf.Health = append(d.conf.Health, h)
	return err
}

// ready reads [ADDRESS] { monitor until-ready|continuously }. Blocks may share an address.
func (d *directive) ready() error {
	const usage = "monitor until-ready|continuously"
	addr, err := d.listener(defaultReady)
	if err != nil {
		return err
	}
	r := Ready{Addr: addr}
	err = d.options(func() error {
		if d.option != "monitor" {
			return d.noOption("monitor")
		}
		args, err := d.args(1, 1, usage)
		if err == nil && !slices.Contains([]string{"until-ready", "continuously"}, args[0]) {
			return d.errorf("%q, expected %s", args[0], usage)
		}
		r.Continuously = err == nil && args[0] == "continuously"
		return err
	})
	same := func(o Ready) bool { return o.Addr == addr }
	d.conf.Ready = append(slices.DeleteFunc(d.conf.Ready, same), r)
	return err
}

// reload reads [INTERVAL] [JITTER]. The last block's is the process's.
func (d *directive) reload() error {
	args, err := d.args(0, 2, "reload [INTERVAL] [JITTER]")
	if err != nil {
		return err
	}
	r := Reload{defaultInterval, defaultJitter}
	if len(args) > 0 {
		if r.Interval, err = d.duration(args[0], minInterval); err != nil {
			return err
		}
	}
	if len(args) > 1 {
		if r.Jitter, err = d.duration(args[1], 0); err != nil {
			return err
		}
	}
	if r.Jitter != 0 && r.Jitter < minJitter {
		return d.errorf("a jitter of %s, expected 0s or at least %s", r.Jitter, minJitter)
	}
	r.Jitter = min(r.Jitter, r.Interval/2)
	d.conf.Reload = &r
	return nil
}

// pprof reads [ADDRESS] { block [RATE] }.
func (d *directive) pprof() error {
	addr, err := d.listener(defaultPprof)
	if err != nil {
		return err
	}
	if d.conf.Pprof != nil {
		return d.errorf("%s has it already, expected it once", d.conf.Pprof.Pos)
	}
	p := &Pprof{Pos: d.pos(), Addr: addr}
	d.conf.Pprof = p
	return d.options(func() error {
		if d.option != "block" {
			return d.noOption("block")
		}
		args, err := d.args(0, 1, "block [RATE]")
		p.BlockRate = 1
		if err == nil && len(args) > 0 {
			p.BlockRate, err = d.number(args[0], 0, math.MaxInt32)
		}
		return err
	})
}

// prometheus reads [ADDRESS] { runtime_metrics }.
func (d *directive) prometheus() error {
	addr, err := d.listener(defaultPrometheus)
	if err != nil {
		return err
	}
	d.block.Prometheus = &Prometheus{addr}
	return d.options(func() error {
		switch d.option {
		case "runtime_metrics":
			return d.ignore("the Go runtime's usual metrics are always served")
		case "tls":
			return d.errorf("metrics are served in the clear, expected no tls, and an address that only a proxy reaches")
		}
		return d.noOption("runtime_metrics")
	})
}
