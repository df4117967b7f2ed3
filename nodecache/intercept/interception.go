package intercept

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/selfcheck"
)

// Config is what an Interception is made of. All of it is needed.
type Config struct {
	Host    Host
	Checker Checker
	Cluster func() Cluster // the forward of the cluster domain as it is now; Host.Fallback only
	Metrics Metrics
	Log     *slog.Logger
}

// Checker asks this process's sockets; see selfcheck.Checker.
type Checker interface {
	Check(ctx context.Context, w selfcheck.Way, addrs ...netip.AddrPort) error
}

// Metrics shows the state of the node; see metrics.Events.
type Metrics interface {
	HostMode(device, table string)
	Intercepting(active bool)
	FailOpenImpaired(by metrics.Impairment, impaired bool)
	SetupFailed(what metrics.Setup)
}

// host is what this process has on its node; see hostnet.Host.
type host interface {
	Intercept() error
	Ensure() error
	Release() error
	Close() error
}

// Interception makes the queries of this node come here for as long as every socket answers what
// comes on the pods' way. It must be renewed each second, and ends by itself 3 s after the last
// time. All methods are for one goroutine at a time.
type Interception struct {
	conf      Config
	addrs     []netip.AddrPort
	host      host               // nil if we set nothing up on the node
	fallback  *fallback          // nil if none is wanted
	leftovers []hostnet.Leftover // of another node-local cache; only a person can take them away
	pods      selfcheck.Way      // of a pod's packet
	local     selfcheck.Way      // of the host's programs

	last   time.Time     // when the last round ended
	silent time.Duration // how long this process has not answered itself
	said   string        // the last error that was logged
	active bool
}

const (
	renewEvery = hostnet.Renewal
	silentMost = 10 * time.Second // then a new process is better

	// longestRound is what a round takes at most. A process that was stopped for longer, or a
	// machine that slept, was not silent meanwhile.
	longestRound = renewEvery + 2*selfcheck.Time
)

// Open gives the node what it should have. Nothing is intercepted before Renew or Run. Close it
// after use. If it returns an error, the node is as it was.
func Open(c Config) (*Interception, error) {
	i := &Interception{conf: c, addrs: c.Host.dns(), local: c.Host.Loopback(), last: time.Now()}
	if err := i.open(); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Interception) open() (err error) {
	if i.conf.Host.Fallback {
		if i.fallback, err = openFallback(&i.conf.Host, i.conf.Cluster, i.conf.Log); err != nil {
			return err
		}
	}
	if i.conf.Host.wanted() {
		return i.openHost()
	}
	return nil
}

func (i *Interception) openHost() error {
	h, err := hostnet.Open(hostnet.Config{
		Addrs: i.conf.Host.Addrs, Port: i.conf.Host.Port, HealthPort: i.conf.Host.HealthPort,
		Interface: i.conf.Host.Interface, Prefix: i.conf.Host.Prefix, Rules: i.conf.Host.Rules, AnswerOutside: i.conf.Host.Outside, Log: i.conf.Log,
	})
	if err != nil {
		return err
	}
	i.host, i.pods = h, selfcheck.Way{UDP: h.Probe, TCP: h.ProbeTCP}
	m := h.Mode()
	i.conf.Metrics.HostMode(m.Device, m.Table)
	i.conf.Log.Info("the node", "device", m.Device, "table", m.Table)
	i.impaired(metrics.Fallback, m.Impaired(), m.Why)
	i.takeOver(h.Leftovers())
	return nil
}

// takeOver takes away what another node-local cache left, which would stay when we die. Only a
// person can take away the rest.
func (i *Interception) takeOver(leftovers []hostnet.Leftover) {
	for _, l := range leftovers {
		err := l.TakeOver()
		if err == nil {
			i.conf.Log.Info("taken over from another node-local cache", "what", l.Name, "addresses", l.Addrs)
			continue
		}
		i.impaired(metrics.Leftovers, true, err.Error())
		i.leftovers = append(i.leftovers, l)
	}
}

// impaired tells that, if we died, queries would get lost for some time or for good.
func (i *Interception) impaired(by metrics.Impairment, is bool, why string) {
	i.conf.Metrics.FailOpenImpaired(by, is)
	if is {
		i.conf.Log.Warn("if this process died, queries would not go to the cluster DNS at once", "why", why)
	}
}

// Run renews the interception each second until ctx ends. It returns an error if this process has
// not answered itself for 10 s.
func (i *Interception) Run(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := i.Renew(ctx); i.silent >= silentMost {
			return fmt.Errorf("this process has not answered itself for %v: %w", silentMost, err)
		}
	}
}

// Renew intercepts queries for 3 s more if this process answers them. If not, it logs why, and
// returns that.
func (i *Interception) Renew(ctx context.Context) error {
	err := i.check(ctx)
	if err == nil && i.host != nil {
		err = i.host.Intercept()
	}
	if i.fallback != nil {
		i.fallback.refresh()
	}
	if ctx.Err() != nil { // the process is about to end
		return nil
	}
	i.lookAtLeftovers()
	i.tell(err)
	return err
}

// lookAtLeftovers tells when all that another node-local cache left is gone.
func (i *Interception) lookAtLeftovers() {
	if len(i.leftovers) == 0 {
		return
	}
	i.leftovers = slices.DeleteFunc(i.leftovers, func(l hostnet.Leftover) bool { return l.TakeOver() == nil })
	if len(i.leftovers) == 0 {
		i.conf.Metrics.FailOpenImpaired(metrics.Leftovers, false)
		i.conf.Log.Info("nothing of another node-local cache is left")
	}
}

// check asks on the pods' way. If that fails, it mends the device, and asks on the host's own way to
// tell why.
func (i *Interception) check(ctx context.Context) error {
	if i.host == nil {
		return i.count(i.ask(ctx, i.local))
	}
	first := i.ask(ctx, i.pods, i.addrs...)
	if errors.Is(first, hostnet.ErrNoPath) {
		return i.count(i.ask(ctx, i.local, i.addrs...))
	}
	if first == nil {
		return i.count(nil)
	}
	if err := i.host.Ensure(); err != nil {
		i.conf.Metrics.SetupFailed(metrics.InterfaceCheck)
		return err
	}
	if err := i.count(i.ask(ctx, i.local, i.addrs...)); err != nil {
		return err
	}
	if i.ask(ctx, i.pods, i.addrs...) == nil { // the process, or the node, stood still for a while
		return nil
	}
	return fmt.Errorf("%w: %w; allow DNS: %s", errFirewall, first, allow(i.addrs))
}

// errFirewall says that the host answers its own queries, but not its pods'.
var errFirewall = errors.New("queries are not intercepted, because a firewall of this host drops what comes from Pods though it lets the host's own queries pass")

// ask asks all sockets, for as long as a check may take.
func (i *Interception) ask(ctx context.Context, w selfcheck.Way, addrs ...netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, selfcheck.Time)
	defer cancel()
	return i.conf.Checker.Check(ctx, w, addrs...)
}

// count counts how long this process has not answered itself.
func (i *Interception) count(err error) error {
	now := time.Now()
	if i.silent += min(now.Sub(i.last), longestRound); err == nil {
		i.silent = 0
	}
	i.last = now
	return err
}

// tell logs what has changed, and shows it in the metrics.
func (i *Interception) tell(err error) {
	began := err == nil && !i.active
	i.active = err == nil
	i.conf.Metrics.Intercepting(i.active && i.host != nil)
	switch {
	case began && i.host != nil:
		i.conf.Log.Info("queries to these addresses are intercepted", "addresses", i.addrs)
	case began && i.said != "":
		i.conf.Log.Info("this process answers itself again")
	case err != nil && err.Error() != i.said:
		i.conf.Log.Error("self-check", "error", err)
	}
	i.said = ""
	if err != nil {
		i.said = err.Error()
	}
}

// allow returns the commands that let queries and their answers pass a firewall.
func allow(addrs []netip.AddrPort) string {
	var commands []string
	for _, tool := range []string{"iptables", "ip6tables"} {
		var list []string
		for _, a := range addrs {
			if a.Addr().Is4() == (tool == "iptables") {
				list = append(list, a.Addr().String())
			}
		}
		for _, protocol := range []string{"udp", "tcp"} {
			if to, port := strings.Join(list, ","), addrs[0].Port(); len(list) > 0 {
				commands = append(commands,
					fmt.Sprintf("%s -I INPUT -d %s -p %s --dport %d -j ACCEPT", tool, to, protocol, port),
					fmt.Sprintf("%s -I OUTPUT -s %s -p %s --sport %d -j ACCEPT", tool, to, protocol, port))
			}
		}
	}
	return strings.Join(commands, "; ")
}

// Release lets new queries go where they went without us. Answers still leave as before.
func (i *Interception) Release() error {
	if i.host == nil {
		return nil
	}
	i.conf.Metrics.Intercepting(false)
	return i.host.Release()
}

// Close takes away what Open gave the node, but for the fallback's rule.
func (i *Interception) Close() (err error) {
	if i.fallback != nil {
		err = i.fallback.Close()
	}
	if i.host != nil {
		err = errors.Join(err, i.host.Close())
	}
	return err
}
