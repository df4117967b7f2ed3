package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
)

const (
	cleanupWorkers = 10
	// namespaceResync is kube-controller-manager's default.
	namespaceResync = 5 * time.Minute
	// collectorSync is how soon the garbage collector sees a new resource,
	// such as a CRD. The real program takes up to 30 seconds.
	collectorSync = 5 * time.Second
)

// newNamespaceController makes the controller that empties a deleted namespace.
func newNamespaceController(ctx context.Context, c *clients) controller {
	n := namespace.NewNamespaceController(ctx, c.typed, c.metadata,
		c.typed.Discovery().ServerPreferredNamespacedResources,
		c.informers.Core().V1().Namespaces(), namespaceResync, corev1.FinalizerKubernetes)
	return func(ctx context.Context) { n.Run(ctx, cleanupWorkers) }
}

// newGarbageCollector makes the controller that deletes what a deleted object
// owned, such as the EndpointSlices of a Service.
func newGarbageCollector(ctx context.Context, c *clients) (controller, error) {
	cached := memory.NewMemCacheClient(c.typed.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	meta := metadatainformer.NewSharedInformerFactory(c.metadata, 0)
	started := make(chan struct{})

	gc, err := garbagecollector.NewGarbageCollector(ctx, c.typed, c.metadata, mapper,
		garbagecollector.DefaultIgnoredResources(),
		informerfactory.NewInformerFactory(c.informers, meta), started)
	if err != nil {
		return nil, fmt.Errorf("making garbage collector: %w", err)
	}
	return func(ctx context.Context) {
		// The informers of typed objects run by now, but those of metadata
		// alone do not. The collector starts more as it finds resources.
		meta.Start(ctx.Done())
		close(started)
		var wg sync.WaitGroup
		wg.Go(func() { gc.Run(ctx, cleanupWorkers, collectorSync) })
		wg.Go(func() { gc.Sync(ctx, c.typed.Discovery(), collectorSync) })
		wg.Wait()
	}, nil
}
