package kube

import (
	"context"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// grace is how long a watch may be behind a list.
const grace = 2 * time.Second

// resync compares what was taken in with what the server has, until ctx ends. Where they differ, the
// watch has missed something, and the Reflector lists again. The time between two comparisons is up to a
// tenth longer or shorter, so that servers of one cluster don't ask all at once.
func (f *Follower) resync(ctx context.Context) {
	for {
		sleep(ctx, time.Duration((0.9+0.2*rand.Float64())*float64(f.cfg.Resync)))
		for _, r := range f.resources {
			if ctx.Err() != nil {
				return
			}
			if n := f.differing(ctx, r); n > 0 {
				f.repair(r, n)
			}
		}
	}
}

// repair has r listed again, because n of its objects differ.
func (f *Follower) repair(r *resource, n int) {
	f.cfg.Log.Warningf("%d of the %v differ from those that the Kubernetes API has: a change was missed; listing them again", n, r)
	f.cfg.Metrics.Repaired(r.kind, n)
	select {
	case r.again <- struct{}{}:
	default: // it is about to be
	}
}

// differing returns how many objects of r differ from those that the server has. A difference counts if
// it shows in two lists, and nothing came meanwhile: an object that is just being created or deleted is
// none.
func (f *Follower) differing(ctx context.Context, r *resource) (n int) {
	first := f.compare(ctx, r)
	if len(first) == 0 {
		return 0
	}
	for id, have := range f.compare(ctx, r) {
		if before, ok := first[id]; ok && before == have {
			n++
		}
	}
	return n
}

// compare lists the versions of r's objects, gives the watch time to catch up if any differ, and returns
// which still do. Without a list, or a watch that could catch up, there is nothing to compare.
func (f *Follower) compare(ctx context.Context, r *resource) map[id]uint64 {
	l, err := f.client.versions(ctx, r)
	if !r.custom || !apierrors.IsNotFound(err) {
		err = f.report.outcome(ctx, "list", r, err)
	}
	w := r.watch.Load()
	if err != nil || w == nil || len(r.store.differing(l)) == 0 {
		return nil
	}
	sleep(ctx, grace)
	if r.watch.Load() != w {
		return nil
	}
	return r.store.differing(l)
}

// versions returns the versions of all objects of r. The server sends their metadata only.
func (c *client) versions(ctx context.Context, r *resource) (*listed, error) {
	l := &listed{of: map[id]uint64{}, after: r.store.newest()}
	return l, c.pages(ctx, r.metadata(), func(page runtime.Object) error {
		list, err := meta.ListAccessor(page)
		if err != nil {
			return err
		}
		l.at = versionOf(&metav1.ObjectMeta{ResourceVersion: list.GetResourceVersion()})
		return meta.EachListItem(page, func(o runtime.Object) error {
			m, err := meta.Accessor(o)
			if err != nil {
				return err
			}
			l.of[idOf(m)] = versionOf(m)
			return nil
		})
	})
}

// metadata returns r as its objects' metadata.
func (r *resource) metadata() *resource {
	const as = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	m := &resource{
		group: r.group, name: r.name, namespace: r.namespace, only: r.only, labels: r.labels, fields: r.fields, accept: typeJSON + as,
		list: func() runtime.Object { return &metav1.PartialObjectMetadataList{} },
	}
	if !r.custom {
		m.accept = typeProtobuf + as + "," + m.accept
	}
	return m
}
