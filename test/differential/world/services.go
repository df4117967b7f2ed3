package world

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcsv1alpha1 "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// addNamespaces makes Namespaces. There are Services in other namespaces, too.
func (w *World) addNamespaces() {
	for _, name := range some(w, 7, namespaceNames()...) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
		if w.chance(60) {
			ns.Labels["env"] = pick(w, "prod", "dev")
		}
		w.Namespaces = append(w.Namespaces, ns)
	}
	for _, name := range []string{"a", "b"} {
		if !w.has(name) && w.chance(80) {
			w.Namespaces = append(w.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
	}
}

func (w *World) has(namespace string) bool {
	for _, ns := range w.Namespaces {
		if ns.Name == namespace {
			return true
		}
	}
	return false
}

// addServices adds Services to every namespace, and to one without a Namespace
// object.
func (w *World) addServices() {
	var homes []string
	for _, ns := range w.Namespaces {
		homes = append(homes, ns.Name)
	}
	homes = append(homes, "missing")
	for _, home := range homes {
		for _, name := range some(w, 3+w.rand.IntN(6), serviceNames()...) {
			w.addService(home, name)
		}
	}
	w.addBig(homes[0])
	w.addChain(homes[1])
	for _, s := range w.Services {
		if s.Spec.Type == corev1.ServiceTypeExternalName {
			s.Spec.ExternalName = w.externalName(s)
		}
	}
}

func (w *World) addService(namespace, name string) {
	s := &corev1.Service{ObjectMeta: w.meta(namespace, name)}
	w.Services = append(w.Services, s)
	switch n := w.rand.IntN(100); {
	case n < 25:
		// The target is chosen once all Services are there, so that it can be
		// any of them.
		s.Spec.Type = corev1.ServiceTypeExternalName
		return
	case n < 60:
		w.headless(s)
	default:
		w.addressed(s)
	}
	s.Spec.Ports = w.servicePorts()
	w.addSlices(s)
}

func (w *World) headless(s *corev1.Service) {
	s.Spec.Type = corev1.ServiceTypeClusterIP
	s.Spec.ClusterIP = corev1.ClusterIPNone
	if w.chance(80) {
		s.Spec.ClusterIPs = []string{corev1.ClusterIPNone}
	}
	if w.chance(70) {
		s.Spec.Selector = map[string]string{"app": s.Name}
	}
}

func (w *World) addressed(s *corev1.Service) {
	s.Spec.Type = pick(w, corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer)
	s.Spec.IPFamilies = pick(w,
		[]corev1.IPFamily{corev1.IPv4Protocol},
		[]corev1.IPFamily{corev1.IPv6Protocol},
		[]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol},
		[]corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol},
	)
	var ips []string
	for _, family := range s.Spec.IPFamilies {
		ips = append(ips, w.clusterIP(family))
	}
	s.Spec.ClusterIP = ips[0]
	if len(ips) > 1 || w.chance(80) {
		s.Spec.ClusterIPs = ips
	}
	if w.chance(10) {
		s.Spec.ExternalIPs = []string{"203.0.113.7"}
	}
}

// servicePorts returns ports in one of the many forms that they have.
func (w *World) servicePorts() []corev1.ServicePort {
	tcp, udp, sctp := corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP
	return pick(w,
		nil,
		[]corev1.ServicePort{{Port: 80, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "http", Port: 80, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "http", Port: 80, Protocol: tcp}, {Name: "https", Port: 443, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "dns", Port: 53, Protocol: udp}, {Name: "dns-tcp", Port: 53, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "dns", Port: 53, Protocol: udp}, {Name: "dns", Port: 53, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "a", Port: 80, Protocol: tcp}, {Name: "b", Port: 80, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "tcp", Port: 7, Protocol: tcp}, {Name: "udp", Port: 8, Protocol: tcp}},
		[]corev1.ServicePort{{Name: "zone", Port: 9, Protocol: sctp}, {Name: "pin", Port: 65535, Protocol: udp}},
		[]corev1.ServicePort{{Name: "svc", Port: 1, Protocol: sctp}},
	)
}

// addImports makes Services of other clusters. Some have the name of a local one.
func (w *World) addImports() {
	for _, namespace := range w.NamespaceNames() {
		for _, name := range some(w, w.rand.IntN(4), serviceNames()...) {
			w.addImport(namespace, name)
		}
	}
}

func (w *World) addImport(namespace, name string) {
	i := &mcsv1alpha1.ServiceImport{ObjectMeta: w.meta(namespace, name)}
	if w.chance(60) {
		i.Labels["env"] = pick(w, "prod", "dev")
	}
	i.Spec.Type = mcsv1alpha1.Headless
	if w.chance(60) {
		w.addressedImport(i)
	}
	for _, p := range w.servicePorts() {
		i.Spec.Ports = append(i.Spec.Ports, mcsv1alpha1.ServicePort{Name: p.Name, Port: p.Port, Protocol: p.Protocol})
	}
	w.Imports = append(w.Imports, i)
	for range w.rand.IntN(4) {
		w.importSlice(i)
	}
}

func (w *World) addressedImport(i *mcsv1alpha1.ServiceImport) {
	i.Spec.Type = mcsv1alpha1.ClusterSetIP
	families := pick(w,
		[]corev1.IPFamily{corev1.IPv4Protocol},
		[]corev1.IPFamily{corev1.IPv6Protocol},
		[]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol},
		[]corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol},
		nil,
	)
	for _, family := range families {
		i.Spec.IPs = append(i.Spec.IPs, w.clusterIP(family))
	}
}

// importSlice makes a slice that came from another cluster. Most controllers
// leave out the label with the local Service's name, but some do not.
func (w *World) importSlice(i *mcsv1alpha1.ServiceImport) {
	pool, local := w.far, w.chance(20)
	if local {
		pool = w.pool
	}
	slice := w.slice(i.Namespace, pool, w.rand.IntN(4))
	slice.Labels[mcsv1alpha1.LabelServiceName] = i.Name
	slice.Labels[mcsv1alpha1.LabelSourceCluster] = pick(w, "cluster-a", "cluster-b", "tcp", "svc")
	if local {
		slice.Labels[discoveryv1.LabelServiceName] = i.Name
	}
}

// externalName chooses a target: a name outside, which may not exist, a name of
// any kind in the zone, or one that leads back.
func (w *World) externalName(s *corev1.Service) string {
	if s.Spec.ExternalName != "" {
		return s.Spec.ExternalName
	}
	own := Name(s.Name, s.Namespace)
	switch n := w.rand.IntN(100); {
	case n < 40:
		return pick(w, outsideNames()...)
	case n < 75:
		return w.spelling(Name(w.anyService()))
	case n < 80:
		return pick(w, own, "below."+own, "a.b."+own)
	case n < 85:
		return pick(w, "192.0.2.1", "2001:db8::1")
	}
	return pick(w,
		"cluster.local", "svc.cluster.local", "dns-version.cluster.local",
		"nothing.default.svc.cluster.local", "nothing.nowhere.svc.cluster.local",
		"10-244-0-1.a.pod.cluster.local", "web.a.svc.clusterset.local",
		"_http._tcp."+Name(w.anyService()), "web-0."+Name(w.anyService()),
		"1.0.96.10.in-addr.arpa",
	)
}

// spelling writes a name as people do: with a dot at the end, or in capitals.
func (w *World) spelling(name string) string {
	switch n := w.rand.IntN(10); n {
	case 0:
		return name + "."
	case 1:
		return strings.ToUpper(name)
	}
	return name
}

// Name is a Service's name in the cluster's zone, without the last dot.
func Name(service, namespace string) string {
	return service + "." + namespace + ".svc.cluster.local"
}

func (w *World) anyService() (name, namespace string) {
	s := pick(w, w.Services...)
	return s.Name, s.Namespace
}

func outsideNames() []string {
	return []string{
		"www.outside.test", "www.outside.test.", "six.outside.test", "dual.outside.test", "WWW.Outside.Test",
		"alias.outside.test", "far.outside.test", "back.outside.test", "missing.outside.test", "outside.test",
		"any.wild.outside.test", "text.outside.test", "nowhere.invalid", "big.outside.test",
	}
}

// OutsideZone is the text of the outside zone. One of its names leads back into
// the cluster.
func (w *World) OutsideZone() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 60\n", Outside)
	b.WriteString("@ IN SOA ns.outside.test. admin.outside.test. 1 7200 900 86400 30\n")
	b.WriteString("@ IN NS ns\n@ IN A 198.51.100.1\nns IN A 198.51.100.2\n")
	b.WriteString("www IN A 198.51.100.3\nsix IN AAAA 2001:db8::3\n")
	b.WriteString("dual IN A 198.51.100.4\ndual IN AAAA 2001:db8::4\n")
	b.WriteString("alias IN CNAME www\nfar IN CNAME nowhere.invalid.\n")
	b.WriteString("*.wild IN A 198.51.100.5\ntext IN TXT \"hello\"\n")
	for i := range 60 {
		fmt.Fprintf(&b, "big IN A 198.51.101.%d\n", i)
	}
	fmt.Fprintf(&b, "back IN CNAME %s.\n", Name(w.Services[0].Name, w.Services[0].Namespace))
	return b.String()
}

// addChain makes ExternalNames each of which leads to the next: a chain longer
// than a DNS server follows, which ends in an address, and a circle of three.
func (w *World) addChain(namespace string) {
	end := &corev1.Service{ObjectMeta: w.meta(namespace, "chain-14")}
	w.Services = append(w.Services, end)
	w.addressed(end)
	end.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
	for i := range 14 {
		w.alias(namespace, fmt.Sprintf("chain-%d", i), Name(fmt.Sprintf("chain-%d", i+1), namespace))
	}
	for i := range 3 {
		w.alias(namespace, fmt.Sprintf("loop-%d", i), Name(fmt.Sprintf("loop-%d", (i+1)%3), namespace))
	}
}

func (w *World) alias(namespace, name, target string) {
	s := &corev1.Service{ObjectMeta: w.meta(namespace, name)}
	s.Spec.Type = corev1.ServiceTypeExternalName
	s.Spec.ExternalName = target
	w.Services = append(w.Services, s)
}
