package kube

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"
)

// A watch can be silent for minutes, so only probes tell a dead connection from a quiet
// one. client-go notices after 45 s (30 s until a ping, 15 s for its answer). DNS should
// not be behind for that long; one small frame every 10 s is no burden.
const (
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
	dialTimeout = 10 * time.Second
)

// client sends requests to one API server, over connections of its own.
type client struct {
	rest  *rest.RESTClient
	host  string
	conns *connrotation.Dialer

	// strict has every page count as a request of its own. By default a list counts as
	// one, as there is never more than a page under way: at client-go's rate of 5 a
	// second, a hundred pages would take 20 s.
	strict bool
}

func newClient(a Access) (*client, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	c := &client{
		host:   cfg.Host,
		conns:  connrotation.NewDialer(newDialer().DialContext),
		strict: a.QPS > 0,
	}
	cfg.Dial = c.conns.DialContext // unlike any other, so that no transport is shared
	cfg.Wrap(probe)
	if a.MaxInflight > 0 {
		cfg.Wrap(limit(a.MaxInflight))
	}
	if c.rest, err = newREST(cfg); err != nil {
		return nil, fmt.Errorf("client of the Kubernetes API at %s: %w", cfg.Host, err)
	}
	return c, nil
}

// newDialer returns a Dialer whose connections notice their death after 25 s. That is what
// HTTP/1.1 has in place of pings.
func newDialer() *net.Dialer {
	return &net.Dialer{
		Timeout: dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: pingAfter, Interval: pingTimeout, Count: 3,
		},
	}
}

// newREST returns a client whose requests name their whole path, so that the group that
// it is made for does not matter.
func newREST(cfg *rest.Config) (*rest.RESTClient, error) {
	cfg.APIPath = "/api"
	cfg.GroupVersion = &corev1.SchemeGroupVersion
	cfg.NegotiatedSerializer = codecs()
	return rest.RESTClientFor(cfg)
}

// close ends all connections, which a request may yet be using.
func (c *client) close() { c.conns.CloseAll() }

// probe makes the transport below rt notice dead connections.
func probe(rt http.RoundTripper) http.RoundTripper {
	for next := rt; next != nil; next = below(next) {
		if t, ok := next.(*http.Transport); ok {
			t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
		}
	}
	return rt
}

// below returns the transport that rt wraps, or nil.
func below(rt http.RoundTripper) http.RoundTripper {
	if w, ok := rt.(utilnet.RoundTripperWrapper); ok {
		return w.WrappedRoundTripper()
	}
	return nil
}

// limit lets at most n requests wait for the head of their response. A watch that has
// begun does not count.
func limit(n int) func(http.RoundTripper) http.RoundTripper {
	slots := make(chan struct{}, n)
	return func(rt http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if err := acquire(r.Context(), slots); err != nil {
				return nil, err
			}
			defer func() { <-slots }()
			return rt.RoundTrip(r)
		})
	}
}

func acquire(ctx context.Context, slots chan<- struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
