package kubernetes

import (
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// noSearchPath is why autopath does nothing.
const noSearchPath = "autopath @kubernetes needs `pods verified` in the kubernetes block: without it no client's search path is known, and no name is completed"

// AutoPath implements autopath.AutoPather: the search path of the Pod that asks, which
// `pods verified` lets us know. The empty string at the end stands for the name as it is.
func (k *Kubernetes) AutoPath(state request.Request) []string {
	q, ok := k.question(state)
	if !ok {
		return nil
	}
	if k.podMode != zone.PodsVerified {
		k.said.warn("autopath", noSearchPath)
		return nil
	}
	pod := k.client(state)
	if pod == nil {
		return nil
	}
	services := join("svc.", q.zone.name)
	search := []string{pod.Namespace + "." + services, services, q.zone.name}
	search = append(search, k.search...)
	return append(search, "")
}

// searchPath reads the search path of a resolv.conf file. Without one it is empty.
func searchPath(file string) []string {
	rc, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return nil
	}
	plugin.Zones(rc.Search).Normalize()
	return rc.Search
}
