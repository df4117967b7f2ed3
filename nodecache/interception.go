package nodecache

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
)

// interception has the queries of this node come here for as long as each socket answers
// what comes on the pods' way. It is renewed each second, and ends by itself 3 s after the
// last time: what hangs renews nothing.
type interception struct {
	host      *hostnet.Host      // nil where no address is ours to give
	fallback  *fallback          // nil if none is wanted
	leftovers []hostnet.Leftover // of another node-local cache, for a person to take away
	addrs     []netip.AddrPort
	pods      selfCheck // on the way of a pod's packet
	local     selfCheck
	own       *metrics.Own
	log       *slog.Logger
	last      time.Time     // when the last round ended
	silent    time.Duration // how long this process has not answered itself
	said      string        // the last error that was logged
	active    bool
}

const (
	renewEvery = time.Second
	roundTime  = 2 * time.Second
	silentMost = 10 * time.Second // then a new process is better
)

// errFirewall says that the host answers itself, but not its pods.
var errFirewall = errors.New("queries are not intercepted, because a firewall of this host drops what comes from pods though it lets the host's own queries pass")

// run renews the interception until ctx ends. It returns an error if this process has not
// answered for long.
func (i *interception) run(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := i.round(ctx); i.silent >= silentMost {
			return fmt.Errorf("this process has not answered itself for %v: %w", silentMost, err)
		}
	}
}

// round looks whether queries are answered, and renews the interception if so.
func (i *interception) round(ctx context.Context) error {
	err := i.check(ctx)
	if err == nil && i.host != nil {
		err = i.host.Intercept()
	}
	if i.fallback != nil {
		i.fallback.refresh()
	}
	if ctx.Err() != nil { // about to end
		return nil
	}
	i.lookAtLeftovers()
	i.tell(err)
	return err
}

// lookAtLeftovers tells when what another node-local cache left is gone.
func (i *interception) lookAtLeftovers() {
	if len(i.leftovers) == 0 {
		return
	}
	i.leftovers = slices.DeleteFunc(i.leftovers, func(l hostnet.Leftover) bool { return l.TakeOver() == nil })
	if len(i.leftovers) == 0 {
		i.own.FailOpenImpaired(metrics.Leftovers, false)
		i.log.Info("nothing of another node-local cache is left")
	}
}

// check asks on the pods' way, and if that fails on the host's own, to tell why.
func (i *interception) check(ctx context.Context) error {
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
		i.own.SetupFailed(metrics.InterfaceCheck)
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

// ask asks all sockets, for as long as a round may take.
func (i *interception) ask(ctx context.Context, c selfCheck, addrs ...netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	return c.at(ctx, addrs...)
}

// longestRound is what a round takes at most. A process that was stopped for longer, or a
// machine that slept, was not silent.
const longestRound = renewEvery + 2*roundTime

// count counts how long this process does not answer.
func (i *interception) count(err error) error {
	now := time.Now()
	if i.silent += min(now.Sub(i.last), longestRound); err == nil {
		i.silent = 0
	}
	i.last = now
	return err
}

// tell logs and shows changes.
func (i *interception) tell(err error) {
	began := err == nil && !i.active
	i.active = err == nil
	i.own.Intercepting(i.active && i.host != nil)
	switch {
	case began && i.host != nil:
		i.log.Info("queries to these addresses are intercepted", "addresses", i.addrs)
	case began && i.said != "":
		i.log.Info("this process answers itself again")
	case err != nil && err.Error() != i.said:
		i.log.Error("self-check", "error", err)
	}
	i.said = ""
	if err != nil {
		i.said = err.Error()
	}
}

// allow returns the commands that let queries pass, and their answers.
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
