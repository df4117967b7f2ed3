package kube

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// A Reflector that failed waits before it lists again: half a second at first, 4 to 6 s at
// most. client-go's own limit of 30 to 60 s is for the thousands of kubelets and
// controllers that meet an API server when it comes back; of us there are a few, and after
// a minute of waiting DNS would be a minute behind.
const (
	backoffFirst  = 500 * time.Millisecond
	backoffLimit  = 4 * time.Second
	backoffFactor = 2
	backoffJitter = 0.5
)

// forbiddenPause keeps a Reflector that may list but not watch from listing all the time.
const forbiddenPause = 10 * time.Second

// Source follows the objects of an API server and writes them to a zone.
type Source struct {
	cfg       Config
	client    *client
	report    *report
	resources []*resource
	unfilled  atomic.Int32  // how many of resources have not been listed yet
	synced    chan struct{} // closed when there are none
	listing   sync.RWMutex  // read-locked by each list, locked for good when Run ends
}

// New returns a Source that is not running. It fails if the configuration does; whether
// the server can be reached is not tried.
func New(cfg Config) (*Source, error) {
	c, err := newClient(cfg.Access)
	if err != nil {
		return nil, err
	}
	s := &Source{
		cfg:    cfg,
		client: c,
		report: newReport(cfg.Log, c.host),
		synced: make(chan struct{}),
	}
	s.resources = s.cfg.resources(s.filled)
	s.unfilled.Store(int32(len(s.resources))) // #nosec G115 -- six a namespace
	return s, nil
}

// filled is called when one more resource is in the zone as it was listed first.
func (s *Source) filled() {
	if s.unfilled.Add(-1) == 0 {
		s.cfg.Writer.SetSynced()
		close(s.synced)
	}
}

// Synced reports whether everything has been listed once. It stays true from then on.
func (s *Source) Synced() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

// WaitSynced waits until Synced, or returns the error of ctx if that ends first.
func (s *Source) WaitSynced(ctx context.Context) error {
	select {
	case <-s.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run follows the objects until ctx ends, through any failure of the server. It may be
// called once. When it returns, nothing writes to the zone or the log any more, and no
// connection is open.
func (s *Source) Run(ctx context.Context) {
	ctx = klog.NewContext(ctx, s.report.logger())
	var reflectors sync.WaitGroup
	for _, r := range s.resources {
		reflectors.Go(func() { s.follow(ctx, r) })
	}
	reflectors.Wait()
	s.listing.Lock() // a Reflector leaves its list behind when it ends
	s.client.close()
}

// follow keeps one resource in the zone until ctx ends.
func (s *Source) follow(ctx context.Context, r *resource) {
	requests := &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return s.list(ctx, r) // the context that a Reflector gives never ends
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return s.watch(ctx, r, o)
		},
	}
	cache.NewReflectorWithOptions(requests, r.object, r.store, cache.ReflectorOptions{
		Name:            "kubernetes",
		TypeDescription: r.String(),
		Backoff: &wait.Backoff{
			Duration: backoffFirst, Cap: backoffLimit,
			Factor: backoffFactor, Jitter: backoffJitter,
			Steps: int(backoffLimit / backoffFirst), // enough to reach Cap
		},
	}).RunWithContext(ctx)
}

// list lists r and reports how that went.
func (s *Source) list(ctx context.Context, r *resource) (runtime.Object, error) {
	if !s.listing.TryRLock() { // only ever locked when Run ends
		return nil, context.Canceled
	}
	defer s.listing.RUnlock()
	all, err := s.client.list(ctx, r)
	err = s.report.outcome(ctx, "list", r, err)
	if r.custom && apierrors.IsNotFound(err) && !s.Synced() {
		// A cluster that does not define a resource has no objects of it. Later, the
		// definition may just be replaced.
		return &internalversion.List{}, nil
	}
	return all, err
}

// watch watches r and reports how that went.
func (s *Source) watch(ctx context.Context, r *resource, o metav1.ListOptions) (watch.Interface, error) {
	w, err := s.client.watch(ctx, r, o)
	if err != nil && o.SendInitialEvents != nil && !apierrors.IsForbidden(err) {
		return nil, err // a list follows, and tells whether there is anything to report
	}
	err = s.report.outcome(ctx, "watch", r, err)
	if apierrors.IsForbidden(err) && o.SendInitialEvents == nil {
		sleep(ctx, forbiddenPause)
	}
	return w, err
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
