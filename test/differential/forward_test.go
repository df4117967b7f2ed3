package differential

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcsv1alpha1 "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// forward adds all names of a zone, which has the Services of this cluster or those of others.
func (n *names) forward(imported bool) {
	n.zoneNames()
	n.beside("a.ns.dns", "apex.dns", "a.dns-version", "www", "a.hostmaster", "a.pod", "api.github.com", "a.b.c.d.e",
		"a.svc.svc", "nowhere.svc", "svc.nowhere.svc", "svc.pod", "pod.svc", "svc.svc.svc", "_tcp.svc", "nowhere.pod",
		"1-2-3-4.nowhere.pod", "*", "*.svc", "_", "api.github.com.svc", "xn--nxasmq6b", "cluster.local",
		"10.in-addr.arpa", "svc.cluster.local", "extra.default.svc", "behind")
	for _, namespace := range n.w.NamespaceNames() {
		n.namespace(namespace)
	}
	n.foreign = imported
	for _, s := range n.w.Services {
		n.service(s)
	}
	n.foreign = !imported
	for _, i := range n.w.Imports {
		n.imported(i)
	}
	n.foreign = false
	n.pods()
}

// namespace adds a namespace's own names, the names that search paths make of outside ones, and
// labels that need an escape.
func (n *names) namespace(name string) {
	svc, pod := name+".svc", name+".pod"
	n.add(svc, pod, "1-2-3-4."+pod, "gone."+svc, "10-244-0-1.gone."+svc)
	n.beside(name, name+"x.svc", "nothing."+svc, "a.nothing."+svc, "_http._tcp.nothing."+svc, "_tcp.nothing."+svc,
		"east-1a.pin._zone.nothing."+svc, "api.github.com."+svc, "www.outside.test."+svc, "10-244-0-1."+svc,
		"web."+pod, "a.10-244-0-1."+pod, "_http._tcp.10-244-0-1."+pod, "pod-1."+pod, "1-2-3."+pod, "1-2-3-400."+pod,
		"01-2-3-4."+pod, "1--2-3-4."+pod, "a-b-c-d."+pod, "--1."+pod)
	for range 3 {
		n.beside(n.odd()+"."+svc, n.odd()+"."+pod)
	}
}

// odd is a label that DNS allows, but no Kubernetes name can be.
func (n *names) odd() string {
	labels := []string{
		`a\.b`, `\000`, `a\032b`, `\255`, `a\\b`, "a/b", "*", "_", "__tcp", "-", `\"`, `\@`, "..", strings.Repeat("z", 63),
	}
	return labels[n.rand.IntN(len(labels))]
}

// service adds the names that a Service could have, and neighbours.
func (n *names) service(s *corev1.Service) {
	base := s.Name + "." + s.Namespace + ".svc"
	n.add(base)
	for _, p := range s.Spec.Ports {
		n.port(base, p.Name, string(p.Protocol))
	}
	for _, slice := range n.slicesOf(s.Namespace, discoveryv1.LabelServiceName, s.Name) {
		n.slicePorts(base, slice)
		for _, e := range slice.Endpoints {
			n.endpoint(base, e)
			n.endpointZone(base, e)
		}
	}
	n.neighbours(base)
}

// neighbours adds names that are near a Service's.
func (n *names) neighbours(base string) {
	n.beside("a."+base, "a.b."+base, "a.b.c."+base, "x"+base, "_tcp."+base, "tcp."+base, "_udp."+base, "_sctp."+base,
		"http._tcp."+base, "_http.tcp."+base, "_http._tcp."+base, "_none._tcp."+base, "_http._none."+base,
		"a._http._tcp."+base, "_._tcp."+base, "_http._."+base, "_._."+base, "_."+base, "_zone."+base, "pin._zone."+base,
		"prefer._zone."+base, "x.pin._zone."+base, "none.prefer._zone."+base, "east-1a.pick._zone."+base,
		"_http._tcp.east-1a.pin._zone."+base, "east-1a.pin.zone."+base, n.odd()+"."+base, n.odd()+"._tcp."+base,
		"com.corp.example.pin._zone."+base, "example.com.prefer._zone."+base,
		strings.TrimSuffix(base, "svc")+"pod", strings.TrimSuffix(base, ".svc"))
}

func (n *names) slicePorts(base string, slice *discoveryv1.EndpointSlice) {
	for _, p := range slice.Ports {
		if p.Name != nil && p.Protocol != nil {
			n.port(base, *p.Name, string(*p.Protocol))
		}
	}
}

// port adds a port's names in every spelling.
func (n *names) port(base, port, protocol string) {
	protocol = strings.ToLower(protocol)
	if port == "" {
		port = "http"
	}
	n.add("_"+port+"._"+protocol+"."+base, port+"."+protocol+"."+base)
	n.beside("_"+port+"."+protocol+"."+base, port+"._"+protocol+"."+base, "_"+protocol+"."+base, protocol+"."+base,
		"_"+port+"x._"+protocol+"."+base)
}

// endpoint adds the names that an endpoint could have with each option.
func (n *names) endpoint(base string, e discoveryv1.Endpoint) {
	for _, label := range labelsOf(e) {
		n.add(label + "." + base)
	}
	n.beside("a." + labelsOf(e)[0] + "." + base)
}

// labelsOf are the labels that an endpoint could have.
func labelsOf(e discoveryv1.Endpoint) []string {
	var labels []string
	for _, a := range e.Addresses {
		labels = append(labels, dashed(a))
	}
	if e.Hostname != nil {
		labels = append(labels, *e.Hostname)
	}
	if e.TargetRef != nil {
		labels = append(labels, e.TargetRef.Name)
	}
	return labels
}

// dashed is an address as a label.
func dashed(address string) string {
	label := podLabel(address)
	if strings.HasSuffix(label, "-") {
		label += "0"
	}
	return label
}

// podLabel writes an address as the name of a Pod does. Nothing is added after a last dash: that
// would be another address.
func podLabel(address string) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(address)
}

func (n *names) endpointZone(base string, e discoveryv1.Endpoint) {
	if e.Zone != nil {
		n.add(*e.Zone+".pin._zone."+base, *e.Zone+".prefer._zone."+base)
	}
}

// imported adds the names of a Service of other clusters.
func (n *names) imported(i *mcsv1alpha1.ServiceImport) {
	base := i.Name + "." + i.Namespace + ".svc"
	n.add(base)
	for _, p := range i.Spec.Ports {
		n.port(base, p.Name, string(p.Protocol))
	}
	for _, slice := range n.slicesOf(i.Namespace, mcsv1alpha1.LabelServiceName, i.Name) {
		cluster := slice.Labels[mcsv1alpha1.LabelSourceCluster] + "." + base
		n.beside(cluster)
		n.slicePorts(base, slice)
		for _, e := range slice.Endpoints {
			n.endpoint(cluster, e)
			n.beside("web-0.cluster-b."+base, labelsOf(e)[0]+".cluster-b."+base, labelsOf(e)[0]+"."+base)
		}
	}
	n.neighbours(base)
	n.beside("cluster-a."+base, "web-0.cluster-a."+base, "cluster-z."+base, "_http._tcp.cluster-a."+base)
}

// slicesOf are the slices that have a label.
func (n *names) slicesOf(namespace, label, name string) []*discoveryv1.EndpointSlice {
	var found []*discoveryv1.EndpointSlice
	for _, s := range n.w.Slices {
		if s.Namespace == namespace && s.Labels[label] == name {
			found = append(found, s)
		}
	}
	return found
}

// pods adds the names of Pods, in their own namespace and in others.
func (n *names) pods() {
	homes := n.w.NamespaceNames()
	for _, p := range n.w.Pods {
		for _, ip := range p.Status.PodIPs {
			label := podLabel(ip.IP)
			n.add(label + "." + p.Namespace + ".pod")
			n.beside(label+"."+homes[n.rand.IntN(len(homes))]+".pod", label+".pod", label+"."+p.Namespace+".svc",
				"a."+label+"."+p.Namespace+".pod")
		}
	}
}
