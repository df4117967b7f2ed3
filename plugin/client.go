package kubernetes

import (
	"context"
	"net/netip"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
)

// client returns the Pod that the query comes from, or nil if that is not known.
func (k *Kubernetes) client(state *request.Request) *zone.Pod {
	if k.podMode != zone.PodsVerified {
		return nil
	}
	ip, err := netip.ParseAddr(state.IP())
	if err != nil {
		return nil
	}
	if pods := k.responder.Store.PodsAt(ip.Unmap()); len(pods) > 0 {
		return pods[0]
	}
	return nil
}

// noSearchPath is why autopath does nothing.
const noSearchPath = "autopath @kubernetes needs `pods verified` in the kubernetes block: without it no client's search path is known, and no name is completed"

// AutoPath implements autopath.AutoPather. It returns the search path of the Pod that asks, which
// it knows by `pods verified`. The empty string at the end stands for the name as it is.
func (k *Kubernetes) AutoPath(state request.Request) []string {
	q, ok := k.question(&state)
	if !ok {
		return nil
	}
	if k.podMode != zone.PodsVerified {
		k.said.warn("autopath", noSearchPath)
		return nil
	}
	pod := k.client(&state)
	if pod == nil {
		return nil
	}
	services := reply.Join("svc.", q.Zone.Name)
	search := []string{pod.Namespace + "." + services, services, q.Zone.Name}
	search = append(search, k.search...)
	return append(search, "")
}

// searchPath reads the search path of a resolv.conf file. It is empty if there is no such file.
func searchPath(file string) []string {
	rc, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return nil
	}
	plugin.Zones(rc.Search).Normalize()
	return rc.Search
}

// Metadata implements metadata.Provider: what the query's name says and, with `pods verified`,
// which Pod asked.
func (k *Kubernetes) Metadata(ctx context.Context, state request.Request) context.Context {
	if pod := k.client(&state); pod != nil {
		setClient(ctx, pod)
	}
	q, ok := k.question(&state)
	if !ok {
		return ctx
	}
	parts, err := zone.Parse(q.Zone.Set, q.Rest, k.zonal)
	if err != nil {
		setValue(ctx, "parse-error", err.Error())
		return ctx
	}
	k.setParts(ctx, q.Zone.Set, parts)
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
