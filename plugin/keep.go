package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/kube"
	"github.com/neardns/neardns/plugin/snapshot"
	"github.com/neardns/neardns/plugin/zone"
	"k8s.io/apimachinery/pkg/labels"
)

// keepPatience is how long a start waits for any answer of the API server, or an error, before it serves
// the records that `snapshot FILE keep` kept. With those of 100,000 endpoints, it then serves within a
// second. If there was an answer, the records should come as without a file, and the start waits for
// them, for up to half of startup_timeout: the other half is for what the file takes. It does not wait
// on for an API server that can't be reached any more, or does not accept our credentials.
const keepPatience = 300 * time.Millisecond

// kept follows an API server and keeps the records in a file. Until the API server's are there, it
// serves what the file has.
//
//	start --no answer--> the file's records --API server's are complete--> all of those at once
//	   |                                                                     |
//	   +-- the API server's are complete in time ----------------------------+--> the file is written
type kept struct {
	*kube.Follower
	file   *snapshot.Keeper
	filled chan struct{} // closed, by full, when the store has records
	full   func()

	patience time.Duration // for an API server that has answered
}

// newKept returns the follower of a block with `keep`.
func newKept(cfg *config, api *kube.Follower, keep snapshot.Config, store *zone.Store) *kept {
	filled := make(chan struct{})
	return &kept{api, snapshot.NewKeeper(snapshot.Keep{
		Config: keep,
		Origin: snapshot.Origin{Cluster: api.Cluster(), Selection: selection(cfg)},
		Store:  store,
		Away:   api.AwaySince,
		Wrote:  observeWrite,
	}), filled, sync.OnceFunc(func() { close(filled) }), cfg.startupTimeout / 2}
}

// selectorText returns a selector as text.
func selectorText(s labels.Selector) string {
	if s == nil {
		return ""
	}
	return s.String()
}

// selection says what of a cluster a block's records are.
func selection(cfg *config) string {
	return fmt.Sprintf("namespaces %q namespace_labels %q labels %q noendpoints %v pods %v endpoint_pod_names %v multicluster %v zonal %v serving_endpoints %v",
		cfg.namespaces, selectorText(cfg.namespaceLabels), selectorText(cfg.labels), cfg.names.NoEndpoints, cfg.names.Pods == zone.PodsVerified,
		cfg.podNames, len(cfg.multicluster) > 0, cfg.names.Zonal, cfg.names.Serving)
}

// Run implements follower. It waits for no disk.
func (k *kept) Run(ctx context.Context) {
	var api sync.WaitGroup
	api.Go(func() { k.Follower.Run(ctx) })
	if k.fill(ctx) == nil {
		k.file.Run(ctx)
	}
	api.Wait()
}

// fill returns once the API server's records are in the store. If that takes long, it fills the store
// from the file meanwhile.
func (k *kept) fill(ctx context.Context) error {
	loaded := make(chan bool, 1)
	if !k.inTime(ctx) && ctx.Err() == nil {
		go func() { // the disk may hang
			_, ok := k.file.Load()
			if ok {
				k.full()
			}
			loaded <- ok
		}()
	}
	if err := k.Follower.WaitSynced(ctx); err != nil {
		return err
	}
	k.full()
	select {
	case ok := <-loaded:
		if ok {
			log.Info("the Kubernetes API answers: serving its records from now on")
		}
	default:
	}
	return nil
}

// inTime reports whether the API server's records come so soon that the file's need not be served.
func (k *kept) inTime(ctx context.Context) bool {
	patience := keepPatience
	for began := time.Now(); time.Since(began) < patience && k.AwaySince().IsZero() && ctx.Err() == nil; {
		if k.within(ctx, keepPatience/30) {
			return true
		}
		if k.Answered() {
			patience = keepPatience + k.patience
		}
	}
	return false
}

// within waits for the API server's records, for so long at most.
func (k *kept) within(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return k.Follower.WaitSynced(ctx) == nil
}

// WaitSynced implements follower: the API server's records are in the store, or those of the file.
func (k *kept) WaitSynced(ctx context.Context) error {
	select {
	case <-k.filled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Behind returns since when the file lacks a change, or zero if it lacks none.
func (k *kept) Behind() time.Time { return k.file.Behind() }

// staleNotice returns what belongs to every reply from records that were kept (RFC 8914, section 4.4).
func staleNotice(store *zone.Store) func() wire.Error {
	var text atomic.Pointer[[]byte] // made once, as a store has kept records once
	return func() wire.Error {
		asOf := store.AsOf()
		if asOf.IsZero() {
			return wire.Error{}
		}
		if text.Load() == nil {
			text.Store(new(fmt.Appendf(nil, "the Kubernetes API does not answer; records as of %s", asOf.UTC().Format(time.RFC3339))))
		}
		return wire.Error{Set: true, Code: wire.StaleAnswer, Text: *text.Load()}
	}
}
