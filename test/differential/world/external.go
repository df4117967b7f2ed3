package world

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// externalName chooses a target: outside names that are there or not, in-zone
// names of every kind, and loops.
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

// OutsideZone is the file of the outside zone. It has a name that leads back
// into the cluster.
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

// addChain makes ExternalNames that each lead to the next: more than a
// resolver follows, with an address at the end, and a loop of three.
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
