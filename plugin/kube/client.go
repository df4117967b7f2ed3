package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// A watch can be silent for minutes, so only pings tell a dead connection from a quiet one.
// client-go notices a dead one after 45 s (30 s until a ping, 15 s for its answer). DNS should
// not be behind for that long, and one small frame every 10 s is no burden.
const (
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
	dialTimeout = 10 * time.Second
)

// client sends requests to one API server, over connections of its own.
type client struct {
	rest  *rest.RESTClient
	host  string
	ids   []string // of the cluster; see identity
	conns *connrotation.Dialer

	answered atomic.Bool // the server has answered a request, by more than that it can't

	// strict makes every page count as a request of its own. Otherwise a list counts as one
	// request, since no more than one page is under way. At client-go's rate of 5 requests a
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
	cfg.Wrap(ping)
	cfg.Wrap(c.noteAnswers)
	if a.MaxInflight > 0 {
		cfg.Wrap(limit(a.MaxInflight))
	}
	if c.rest, err = newREST(cfg); err == nil {
		c.ids, err = identity(cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("client of the Kubernetes API at %s: %w", cfg.Host, err)
	}
	return c, nil
}

// newDialer returns a Dialer whose connections notice their death after 25 s. HTTP/1.1 has no
// pings, and needs this instead.
func newDialer() *net.Dialer {
	return &net.Dialer{
		Timeout: dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: pingAfter, Interval: pingTimeout, Count: 3,
		},
	}
}

// newREST returns a client whose requests name their whole path, so that its own API group does
// not matter.
func newREST(cfg *rest.Config) (*rest.RESTClient, error) {
	cfg.APIPath = "/api"
	cfg.GroupVersion = &corev1.SchemeGroupVersion
	cfg.NegotiatedSerializer = codecs()
	return rest.RESTClientFor(cfg)
}

// close ends all connections, even if requests are using them.
func (c *client) close() { c.conns.CloseAll() }

const (
	// pageSize is how many objects are decoded at once where a server can't stream.
	pageSize = 500
	// pageTimeout ends a request that the server accepted and forgot. Servers themselves give up
	// after 60 s.
	pageTimeout = 70 * time.Second
)

// request begins a request for r.
func (c *client) request(r *resource, o *metav1.ListOptions) *rest.Request {
	o.LabelSelector, o.FieldSelector = r.labels, r.fields
	req := c.rest.Get().AbsPath(r.path()...).VersionedParams(o, metav1.ParameterCodec)
	if r.accept != "" {
		req.SetHeader("Accept", r.accept)
	}
	return req
}

// list returns r's objects as items. It asks for pages, and turns each into items before it asks
// for the next. It asks for the present state, although a Reflector would accept an older one:
// then servers answer from their cache and ignore the limit.
//
// If the server forgets the list between two pages, that is an error, and the Reflector begins
// anew.
func (c *client) list(ctx context.Context, r *resource) (runtime.Object, error) {
	all := &internalversion.List{}
	err := c.pages(ctx, r, func(page runtime.Object) error { return appendItems(all, page, r) })
	if err != nil {
		return nil, err
	}
	return all, nil
}

// pages asks for r's objects, page by page.
func (c *client) pages(ctx context.Context, r *resource, each func(page runtime.Object) error) error {
	for after := ""; ; {
		page, err := c.page(ctx, r, after)
		if err != nil {
			return err
		}
		list, err := meta.ListAccessor(page)
		if err == nil {
			err = each(page)
		}
		if err != nil {
			return fmt.Errorf("reading a list of %v: %w", r, err)
		}
		if after = list.GetContinue(); after == "" {
			return nil
		}
	}
}

func (c *client) page(ctx context.Context, r *resource, after string) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	page := r.list()
	req := c.request(r, &metav1.ListOptions{Limit: pageSize, Continue: after})
	if after != "" && !c.strict {
		req.Throttle(nil)
	}
	return page, req.Do(ctx).Into(page)
}

// appendItems appends the objects of page, as items, to all.
func appendItems(all *internalversion.List, page runtime.Object, r *resource) error {
	list, err := meta.ListAccessor(page)
	if err != nil {
		return err
	}
	all.ResourceVersion = list.GetResourceVersion()
	transform := r.store.Transformer()
	return meta.EachListItem(page, func(o runtime.Object) error {
		i, err := transform(o)
		if err != nil {
			return err
		}
		all.Items = append(all.Items, i.(runtime.Object))
		return nil
	})
}

// watch follows r from o.ResourceVersion on, or, if o says so, from its present state, which
// comes first.
func (c *client) watch(ctx context.Context, r *resource, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	w, err := c.request(r, &o).Watch(ctx)
	if err != nil && o.SendInitialEvents != nil && retriable(err) {
		// A Reflector would wait and try again, even if its context ends. It takes any other
		// error for a server that can't stream, and asks for a list, whose outcome is
		// reported.
		return nil, errors.New(err.Error())
	}
	return w, err
}

// retriable reports whether a Reflector would just wait and try again.
func retriable(err error) bool {
	return utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err)
}

// ping makes the transport below rt notice dead connections.
func ping(rt http.RoundTripper) http.RoundTripper {
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

// noteAnswers takes note of answers. A balancer says 502 or 503 for servers that are away.
func (c *client) noteAnswers(rt http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := rt.RoundTrip(r)
		if err == nil && response.StatusCode < http.StatusInternalServerError && !c.answered.Load() {
			c.answered.Store(true)
		}
		return response, err
	})
}

// limit lets at most n requests wait for the head of their response. A watch no longer counts
// once it has begun.
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

// codecs decode the types that we follow, and no more. client-go's own scheme brings all the
// types of the API into the program. They cost tens of megabytes on disk and some in memory.
func codecs() runtime.NegotiatedSerializer {
	s := runtime.NewScheme()
	add := func(group schema.GroupVersion, types ...runtime.Object) {
		s.AddKnownTypes(group, types...)
		metav1.AddToGroupVersion(s, group) // Status and WatchEvent
	}
	add(corev1.SchemeGroupVersion,
		&corev1.Namespace{}, &corev1.NamespaceList{},
		&corev1.Service{}, &corev1.ServiceList{},
		&corev1.Pod{}, &corev1.PodList{})
	utilruntime.Must(metav1.AddMetaToScheme(s))
	add(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{})
	add(schema.GroupVersion(mcs.GroupVersion), &mcs.ServiceImport{}, &mcs.ServiceImportList{})
	return serializer.NewCodecFactory(s).WithoutConversion()
}
