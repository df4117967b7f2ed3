package intercept

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/selfcheck"
	"github.com/neardns/neardns/nodecache/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a host, a Checker and Metrics, without a kernel.
type node struct {
	*Interception
	podsErr, localErr, ensureErr error // of asking on either way, and of mending the device
	log                          bytes.Buffer
	called                       []string
}

// Check implements Checker. The pods' way is the one over which no query can be sent.
func (n *node) Check(_ context.Context, w selfcheck.Way, _ ...netip.AddrPort) error {
	if w.UDP == nil {
		return n.podsErr
	}
	return n.localErr
}

func (n *node) did(what string, err error) error { n.called = append(n.called, what); return err }

func (n *node) Intercept() error { return n.did("intercept", nil) }
func (n *node) Ensure() error    { return n.did("ensure", n.ensureErr) }
func (n *node) Release() error   { return n.did("release", nil) }
func (n *node) Close() error     { return n.did("close", nil) }

func (n *node) HostMode(string, string)   {}
func (n *node) Intercepting(active bool)  { n.did(fmt.Sprint("shows ", active), nil) }
func (n *node) SetupFailed(metrics.Setup) { n.did("setup failed", nil) }
func (n *node) FailOpenImpaired(by metrics.Impairment, is bool) {
	n.did(fmt.Sprint("impaired by ", by, " ", is), nil)
}

// newNode returns a node, with something to set up or without.
func newNode(wanted bool) *node {
	n := &node{}
	n.Interception = &Interception{
		conf:  Config{Checker: n, Metrics: n, Log: slog.New(slog.NewTextHandler(&n.log, nil))},
		addrs: []netip.AddrPort{netip.MustParseAddrPort("169.254.20.10:53")}, local: selfcheck.Loopback(0), last: time.Now(),
	}
	if wanted {
		n.host = n
	}
	return n
}

var errDeaf = errors.New("no answer of its own")

// TestRenew intercepts while the pods' way works, and says why where it does not.
func TestRenew(t *testing.T) {
	for _, test := range []struct {
		name                         string
		podsErr, localErr, ensureErr error
		want                         string // of the error
		called                       string
	}{
		{"all is well", nil, nil, nil, "", "intercept, shows true"},
		{"no TUN, so no such way", hostnet.ErrNoPath, nil, nil, "", "intercept, shows true"},
		{"no TUN, and deaf", hostnet.ErrNoPath, errDeaf, nil, "no answer of its own", "shows false"},
		{"deaf", errDeaf, errDeaf, nil, "no answer of its own", "ensure, shows false"},
		{"a firewall", errDeaf, nil, nil, "queries are not intercepted, because a firewall of this host drops what comes from Pods though it lets " +
			"the host's own queries pass: no answer of its own; allow DNS: iptables -I INPUT -d 169.254.20.10 ", "ensure, shows false"},
		{"the device can't be mended", errDeaf, errDeaf, errors.New("no device"), "no device", "ensure, setup failed, shows false"},
	} {
		n := newNode(true)
		n.podsErr, n.localErr, n.ensureErr = test.podsErr, test.localErr, test.ensureErr
		err := n.Renew(t.Context())
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s, expected %s", test.name, got, test.want)
		}
		if got := strings.Join(n.called, ", "); got != test.called {
			t.Errorf("%s: %s, expected %s", test.name, got, test.called)
		}
	}
}

// TestRun counts the time without an answer, says once what is wrong, and gives up after 10 s.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(false)
		n.localErr = errDeaf
		n.last = time.Now().Add(-time.Hour) // the machine slept
		for range 2 {
			if err := n.Renew(t.Context()); err != errDeaf {
				t.Error(err)
			}
		}
		if n.silent != longestRound || strings.Count(n.log.String(), "no answer of its own") != 1 {
			t.Errorf("silent for %v, logged %s", n.silent, &n.log)
		}
		n.localErr = nil
		if err := n.Renew(t.Context()); err != nil || n.silent != 0 || strings.Count(n.log.String(), "\n") != 2 {
			t.Errorf("%v; silent for %v, logged %s", err, n.silent, &n.log)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := n.Run(ctx); err != nil {
			t.Errorf("a minute in which it answers: %v", err)
		}
		n.localErr = errDeaf
		began := time.Now()
		err := n.Run(t.Context())
		if !errors.Is(err, errDeaf) || time.Since(began) != silentMost {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestRelease gives queries back, and does nothing where there is nothing.
func TestRelease(t *testing.T) {
	n := newNode(true)
	if err := errors.Join(n.Interception.Release(), n.Interception.Close()); err != nil || !slices.Equal(n.called, []string{"shows false", "release", "close"}) {
		t.Error(err, n.called)
	}
	n = newNode(false)
	if err := errors.Join(n.Interception.Release(), n.Interception.Close()); err != nil || len(n.called) > 0 {
		t.Error(err, n.called)
	}
}

// fakeRule is a rule that remembers the servers that it was set to.
type fakeRule struct {
	servers []netip.AddrPort
	err     error
}

func (r *fakeRule) Set(servers []netip.AddrPort) error { r.servers = servers; return r.err }
func (r *fakeRule) Close() error                       { return nil }

// cluster is a Cluster of one address and one Pod.
type cluster struct{}

var serviceAddr, podAddr = netip.MustParseAddrPort("10.96.0.11:53"), netip.MustParseAddrPort("10.244.0.2:53")

func (cluster) Servers() []upstream.Endpoint { return []upstream.Endpoint{{Addr: serviceAddr}} }
func (cluster) Found() []netip.AddrPort      { return []netip.AddrPort{podAddr} }

// TestFallback names Pods, or under IPVS what the forward asks, and logs an error once.
func TestFallback(t *testing.T) {
	for _, ipvs := range []bool{false, true} {
		var log bytes.Buffer
		r := &fakeRule{err: errors.New("no table")}
		f := &fallback{rule: r, cluster: func() Cluster { return cluster{} }, ipvs: ipvs, log: slog.New(slog.NewTextHandler(&log, nil))}
		f.refresh()
		f.refresh()
		want := podAddr
		if ipvs {
			want = serviceAddr
		}
		if !slices.Equal(r.servers, []netip.AddrPort{want}) || strings.Count(log.String(), "no table") != 1 {
			t.Errorf("IPVS %t: %v\n%s", ipvs, r.servers, &log)
		}
	}
}

// TestAllow names commands for the families that there are.
func TestAllow(t *testing.T) {
	got := allow([]netip.AddrPort{netip.MustParseAddrPort("169.254.20.10:53"), netip.MustParseAddrPort("10.96.0.10:53")})
	want := "iptables -I INPUT -d 169.254.20.10,10.96.0.10 -p udp --dport 53 -j ACCEPT; iptables -I OUTPUT -s 169.254.20.10,10.96.0.10 -p udp --sport 53 -j ACCEPT; " +
		"iptables -I INPUT -d 169.254.20.10,10.96.0.10 -p tcp --dport 53 -j ACCEPT; iptables -I OUTPUT -s 169.254.20.10,10.96.0.10 -p tcp --sport 53 -j ACCEPT"
	if got != want {
		t.Errorf("%q", got)
	}
}
