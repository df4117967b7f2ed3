package kube

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Config says what to follow, and where it goes.
type Config struct {
	Access Access

	// Namespaces are the namespaces to follow, all if empty. If there are some, no request is
	// ever about another namespace or about all at once, so that rights to these suffice.
	Namespaces []string
	// NamespaceLabels selects namespaces. Labels selects Services, Pods and EndpointSlices. Both
	// are label selectors, and valid.
	NamespaceLabels, Labels string

	Endpoints bool // follow EndpointSlices
	Pods      bool // follow Pods
	Imports   bool // follow ServiceImports and their EndpointSlices (KEP-1645)

	Translator *object.Translator
	Writer     *zone.Writer
	Log        Logger
	Metrics    Metrics

	// Resync is how often what was taken in is compared with what the server has; 0 for never.
	Resync time.Duration

	// Programmed, if not nil, is called after an EndpointSlice that came by a watch was written.
	// The trigger is the time of the change that made it necessary, as the endpoints controller
	// noted it (endpoints.kubernetes.io/last-change-trigger-time).
	Programmed func(key zone.Key, set zone.Set, trigger time.Time)
}

// Logger is where a Follower logs how it fares. It must be safe for concurrent use.
type Logger interface {
	Infof(format string, args ...any)
	Warningf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Metrics is told what a Follower noticed and mended. It must be safe for concurrent use.
type Metrics interface {
	// Silent says that a watch of objects of a kind said nothing, although there was something to say.
	Silent(kind string)
	// Repaired says that n objects of a kind differed from the API server's.
	Repaired(kind string, n int)
}

// A Reflector that failed waits before it lists again: half a second at first, 4 to 6 s at
// most. client-go's own limit is 30 to 60 s. That is for the thousands of kubelets and
// controllers that meet an API server when it comes back. There are few of us, and after a
// minute of waiting DNS would be a minute behind.
const (
	backoffFirst  = 500 * time.Millisecond
	backoffLimit  = 4 * time.Second
	backoffFactor = 2
	backoffJitter = 0.5

	longestBackoff = backoffLimit * 3 / 2 // with its jitter
)

// forbiddenPause keeps a Reflector that may list but not watch from listing all the time.
const forbiddenPause = 10 * time.Second

// Follower follows the objects of an API server and writes them to a zone.
type Follower struct {
	cfg       Config
	client    *client
	report    *report
	resources []*resource
	unfilled  atomic.Int32   // how many of resources have not been listed yet
	synced    chan struct{}  // closed when there are none
	attending sync.WaitGroup // watches
	listing   sync.RWMutex   // read-locked by each list, locked for good when Run ends
}

// New returns a Follower that is not running. It fails if the configuration can't be used. It
// does not try to reach the server.
func New(cfg Config) (*Follower, error) {
	c, err := newClient(cfg.Access)
	if err != nil {
		return nil, err
	}
	f := &Follower{
		cfg:    cfg,
		client: c,
		report: newReport(cfg.Log, c.host),
		synced: make(chan struct{}),
	}
	f.resources = f.cfg.resources(f.filled)
	f.unfilled.Store(int32(len(f.resources)))
	return f, nil
}

// filled is called when one more resource is in the zone as it was listed first.
func (f *Follower) filled() {
	if f.unfilled.Add(-1) == 0 {
		f.cfg.Writer.SetSynced()
		close(f.synced)
	}
}

// isSynced reports whether everything has been listed once. It stays true from then on.
func (f *Follower) isSynced() bool {
	select {
	case <-f.synced:
		return true
	default:
		return false
	}
}

// WaitSynced waits until everything has been listed once. It returns the error of ctx if that
// ends first.
func (f *Follower) WaitSynced(ctx context.Context) error {
	select {
	case <-f.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cluster returns what tells the cluster from others. Another process that has one of these follows the
// same cluster.
func (f *Follower) Cluster() []string { return f.client.ids }

// Answered reports whether the server has answered a request, whatever it said.
func (f *Follower) Answered() bool { return f.client.answered.Load() }

// AwaySince returns since when the server can't be reached or does not accept our credentials, so that
// changes may be missing. It is zero while neither is so.
func (f *Follower) AwaySince() time.Time { return f.report.awaySince() }

// Run follows the objects until ctx ends, through any failure of the server. It may be
// called once. When it returns, nothing writes to the zone or the log any more, and no
// connection is open.
func (f *Follower) Run(ctx context.Context) {
	ctx = klog.NewContext(ctx, f.report.logger())
	var reflectors sync.WaitGroup
	for _, r := range f.resources {
		reflectors.Go(func() { f.follow(ctx, r) })
	}
	if f.cfg.Resync > 0 {
		reflectors.Go(func() { f.resync(ctx) })
	}
	reflectors.Wait()
	f.attending.Wait()
	f.listing.Lock() // a Reflector leaves its list behind when it ends
	f.client.close()
	f.report.close()
}

// follow keeps one resource in the zone until ctx ends.
func (f *Follower) follow(ctx context.Context, r *resource) {
	requests := &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return f.list(ctx, r) // the context that a Reflector passes never ends
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return f.watch(ctx, r, o)
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
func (f *Follower) list(ctx context.Context, r *resource) (runtime.Object, error) {
	if !f.listing.TryRLock() { // only Run locks it, when it ends
		return nil, context.Canceled
	}
	defer f.listing.RUnlock()
	r.isListed()
	all, err := f.client.list(ctx, r)
	err = f.report.outcome(ctx, "list", r, err)
	if r.custom && apierrors.IsNotFound(err) && !f.isSynced() {
		// A cluster that does not define a resource has no objects of it. Later, somebody may
		// just be replacing the definition.
		return &internalversion.List{}, nil
	}
	return all, err
}

// watch watches r and reports how that went.
func (f *Follower) watch(ctx context.Context, r *resource, o metav1.ListOptions) (watch.Interface, error) {
	w, err := f.client.watch(ctx, r, o)
	if err != nil && o.SendInitialEvents != nil && !apierrors.IsForbidden(err) {
		return nil, err // a list follows, and shows whether there is anything to report
	}
	err = f.report.outcome(ctx, "watch", r, err)
	if apierrors.IsForbidden(err) && o.SendInitialEvents == nil {
		sleep(ctx, forbiddenPause)
	}
	if err != nil {
		return nil, err
	}
	return f.attend(r, w, o.SendInitialEvents != nil), nil
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
