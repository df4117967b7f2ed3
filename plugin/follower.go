package kubernetes

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/coredns/coredns/coremain"
	"github.com/neardns/neardns/plugin/kube"
	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/snapshot"
	"github.com/neardns/neardns/plugin/zone"
)

// follower fills the store and keeps it current: kube.Follower from an API server, kept from both an
// API server and a file, snapshot.Follower from a file.
type follower interface {
	// Run follows the objects until ctx ends. Everything it started has ended when it returns.
	Run(ctx context.Context)
	// WaitSynced waits until the store has been filled once. It returns the error of ctx if that
	// ends first.
	WaitSynced(ctx context.Context) error
}

func newFollower(cfg *config, store *zone.Store) (follower, error) {
	t := &object.Translator{
		PodNames: cfg.podNames,
		Zonal:    cfg.names.Zonal,
		Labels:   cfg.names.Pods == zone.PodsVerified,
		Serving:  cfg.names.Serving,
		Skipped:  new(skips).skipped,
	}
	zones := reply.NewZones(cfg.zones, cfg.multicluster)
	t.Local, t.Imported = zones.Longest(zone.Local), zones.Longest(zone.Imported)
	switch {
	case cfg.keep:
		api, err := newAPI(cfg, t, store)
		if err != nil {
			return nil, err
		}
		return newKept(cfg, api, snapshotConfig(cfg, t), store), nil
	case cfg.snapshot != "":
		c := snapshotConfig(cfg, t)
		c.Writer = zone.NewWriter(store)
		f := snapshot.New(c)
		return f, f.Load()
	}
	return newAPI(cfg, t, store)
}

// snapshotConfig returns how to read and write the file of `snapshot`, but for its Writer.
func snapshotConfig(cfg *config, t *object.Translator) snapshot.Config {
	return snapshot.Config{
		File:            cfg.snapshot,
		Namespaces:      cfg.namespaces,
		NamespaceLabels: cfg.namespaceLabels,
		Labels:          cfg.labels,
		Endpoints:       !cfg.names.NoEndpoints,
		Pods:            cfg.names.Pods == zone.PodsVerified,
		Imports:         len(cfg.multicluster) > 0,
		Translator:      t,
		Log:             log,
	}
}

func newAPI(cfg *config, t *object.Translator, store *zone.Store) (*kube.Follower, error) {
	access := cfg.access
	access.UserAgent = fmt.Sprintf("%s/%s git_commit:%s (%s/%s/%s)", coremain.CoreName,
		coremain.CoreVersion, coremain.GitCommit, runtime.GOOS, runtime.GOARCH, runtime.Version())
	c := kube.Config{
		Access:     access,
		Namespaces: cfg.namespaces, NamespaceLabels: selectorText(cfg.namespaceLabels), Labels: selectorText(cfg.labels),
		Endpoints:  !cfg.names.NoEndpoints,
		Pods:       cfg.names.Pods == zone.PodsVerified,
		Imports:    len(cfg.multicluster) > 0,
		Translator: t,
		Writer:     zone.NewWriter(store),
		Programmed: func(key zone.Key, set zone.Set, trigger time.Time) {
			observeProgramming(store.Service(set, key), time.Since(trigger))
		},
		Log: log, Metrics: kubeMetrics{}, Resync: cfg.resync,
	}
	return kube.New(c)
}
