package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

const (
	// pageSize is how many objects are decoded at once where a server can't stream.
	pageSize = 500
	// pageTimeout ends a request that the server accepted and forgot. Servers give up
	// after 60 s themselves.
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

// list returns r's objects as items. It asks for pages, and turns each into items before
// it asks for the next. They are as of now, whatever state a Reflector would be content
// with: if it may be an older one, servers answer from their cache and ignore the limit.
//
// A list that the server forgets between two pages is an error, and begins anew.
func (c *client) list(ctx context.Context, r *resource) (runtime.Object, error) {
	all := &internalversion.List{}
	for {
		page, err := c.page(ctx, r, all.Continue)
		if err != nil {
			return nil, err
		}
		if err := appendItems(all, page, r); err != nil {
			return nil, fmt.Errorf("reading a list of %v: %w", r, err)
		}
		if all.Continue == "" {
			return all, nil
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
	all.ResourceVersion, all.Continue = list.GetResourceVersion(), list.GetContinue()
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

// watch follows r from o.ResourceVersion on, or sends its state first.
func (c *client) watch(ctx context.Context, r *resource, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	w, err := c.request(r, &o).Watch(ctx)
	if err != nil && o.SendInitialEvents != nil && retriable(err) {
		// A Reflector would wait and try again, and not hear that it is to end. It takes
		// any other error for a server that can't stream, asks for a list, and reports
		// what becomes of that.
		return nil, errors.New(err.Error())
	}
	return w, err
}

// retriable reports what a Reflector does: nothing is wrong but the moment.
func retriable(err error) bool {
	return utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err)
}
