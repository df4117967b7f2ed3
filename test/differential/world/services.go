package world

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// addNamespaces makes some Namespaces; Services are put in others, too.
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

// addServices fills every namespace, and one that there is no Namespace of.
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
		// The target is chosen when every Service is there to be one.
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

// servicePorts are one of the many shapes that ports come in.
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
