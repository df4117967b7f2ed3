package main

import (
	"context"
	"flag"
	"fmt"
	"os/signal"
	"sync"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/endpointslicemirroring"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
)

// The defaults of kube-controller-manager.
const (
	endpointsPerSlice  = 100
	endpointsPerSubset = 1000
	endpointWorkers    = 5
)

// controller runs until its context ends.
type controller func(context.Context)

// clients are the ways in which the controllers reach the API server.
type clients struct {
	config   *rest.Config
	typed    kubernetes.Interface
	metadata metadata.Interface
	// informers are shared by all controllers, as in kube-controller-manager.
	informers informers.SharedInformerFactory
}

// runControllers runs the controllers until a signal ends them. They are
// kube-controller-manager's, without the rest of that program, which would link
// every volume plugin and have a rate limit.
func runControllers(args []string) error {
	flags := flag.NewFlagSet("controllers", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	c, err := newClients(*kubeconfig)
	if err != nil {
		return err
	}
	run, err := newControllers(ctx, c)
	if err != nil {
		return err
	}
	c.informers.Start(ctx.Done())
	var wg sync.WaitGroup
	for _, r := range run {
		wg.Go(func() { r(ctx) })
	}
	wg.Wait()
	return nil
}

// newClients connects as the kubeconfig says, without a client-side rate limit.
func newClients(kubeconfig string) (*clients, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig: %w", err)
	}
	config.QPS = -1
	config.UserAgent = "kube-controller-manager"
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making client: %w", err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making metadata client: %w", err)
	}
	return &clients{config, typed, meta, informers.NewSharedInformerFactory(typed, 0)}, nil
}

// newControllers makes all controllers. Their informers are started afterwards.
func newControllers(ctx context.Context, c *clients) ([]controller, error) {
	accounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx),
		c.informers.Core().V1().ServiceAccounts(), c.informers.Core().V1().Namespaces(),
		c.typed, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return nil, fmt.Errorf("making service account controller: %w", err)
	}
	rootCA, err := rootcacertpublisher.NewPublisher(
		c.informers.Core().V1().ConfigMaps(), c.informers.Core().V1().Namespaces(),
		c.typed, c.config.CAData)
	if err != nil {
		return nil, fmt.Errorf("making root CA publisher: %w", err)
	}
	collector, err := newGarbageCollector(ctx, c)
	if err != nil {
		return nil, err
	}
	// Without this controller, roles such as view are empty.
	roles := clusterroleaggregation.NewClusterRoleAggregation(
		c.informers.Rbac().V1().ClusterRoles(), c.typed.RbacV1())
	slices, mirroring := newSliceControllers(ctx, c)
	return []controller{
		slices,
		mirroring,
		newNamespaceController(ctx, c),
		collector,
		func(ctx context.Context) { accounts.Run(ctx, 1) },
		func(ctx context.Context) { rootCA.Run(ctx, 1) },
		func(ctx context.Context) { roles.Run(ctx, 1) },
	}, nil
}

// newSliceControllers makes the two controllers that write EndpointSlices: one
// from the Pods that a Service selects, one from Endpoints made by hand.
func newSliceControllers(ctx context.Context, c *clients) (slices, mirroring controller) {
	core := c.informers.Core().V1()
	es := c.informers.Discovery().V1().EndpointSlices()
	s := endpointslice.NewController(ctx, core.Pods(), core.Services(), core.Nodes(), es,
		endpointsPerSlice, c.typed, 0)
	m := endpointslicemirroring.NewController(ctx, core.Endpoints(), es, core.Services(),
		endpointsPerSubset, c.typed, 0)
	slices = func(ctx context.Context) { s.Run(ctx, endpointWorkers) }
	mirroring = func(ctx context.Context) { m.Run(ctx, endpointWorkers) }
	return slices, mirroring
}
