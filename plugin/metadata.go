package kubernetes

import (
	"context"
	"net/netip"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
	"github.com/neardns/neardns/plugin/zone"
)

// Metadata implements metadata.Provider: what the query's name says, and, with
// `pods verified`, which Pod asked.
func (k *Kubernetes) Metadata(ctx context.Context, state request.Request) context.Context {
	if pod := k.client(state); pod != nil {
		setClient(ctx, pod)
	}
	q, ok := k.question(state)
	if !ok {
		return ctx
	}
	parts, err := zone.Parse(q.zone.set, q.rest, k.zonal)
	if err != nil {
		setValue(ctx, "parse-error", err.Error())
		return ctx
	}
	k.setParts(ctx, q.zone.set, parts)
	return ctx
}

func (k *Kubernetes) setParts(ctx context.Context, set zone.Set, p zone.Parts) {
	setValue(ctx, "port-name", p.Port)
	setValue(ctx, "protocol", p.Protocol)
	setValue(ctx, "endpoint", p.Endpoint)
	setValue(ctx, "service", p.Service)
	setValue(ctx, "namespace", p.Namespace)
	setValue(ctx, "kind", p.Kind)
	if set == zone.Imported {
		setValue(ctx, "cluster", p.Cluster)
	}
	if k.zonal {
		setValue(ctx, "zone", p.Topology)
	}
}

func setClient(ctx context.Context, pod *zone.Pod) {
	setValue(ctx, "client-namespace", pod.Namespace)
	setValue(ctx, "client-pod-name", pod.Name)
	for _, l := range pod.Labels {
		setValue(ctx, "client-label/"+l.Key, l.Value)
	}
}

func setValue(ctx context.Context, key, value string) {
	metadata.SetValueFunc(ctx, pluginName+"/"+key, func() string { return value })
}

// client returns the Pod that the query comes from, or nil where that is not known.
func (k *Kubernetes) client(state request.Request) *zone.Pod {
	if k.podMode != zone.PodsVerified {
		return nil
	}
	ip, err := netip.ParseAddr(state.IP())
	if err != nil {
		return nil
	}
	if pods := k.store.PodsAt(ip.Unmap()); len(pods) > 0 {
		return pods[0]
	}
	return nil
}
