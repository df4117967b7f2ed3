package object

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// Service translates a Service. It returns nil if there is nothing to serve: its ExternalName is
// not a name, or its own name is not a DNS label.
func (t *Translator) Service(o *corev1.Service) (r *zone.Service) {
	s := subject{t, "Service", &o.ObjectMeta}
	defer recovered(s, &r)
	key, ok := s.key()
	if !ok {
		return nil
	}
	s.measureService(key, t.Local)
	r = &zone.Service{Key: key, Selector: len(o.Spec.Selector) > 0}
	if o.Spec.Type == corev1.ServiceTypeExternalName {
		return s.externalName(r, o.Spec.ExternalName)
	}
	r.Ports = ports(s, "spec.ports", o.Spec.Ports, func(p corev1.ServicePort) (string, string, int32) {
		return p.Name, string(p.Protocol), p.Port
	})
	ips := clusterIPs(&o.Spec)
	if ips[0] == corev1.ClusterIPNone {
		r.Kind = zone.Headless
		return r
	}
	r.Addrs = addrs(s, "spec.clusterIPs", ips, itself)
	return r
}

// clusterIPs returns the Service's addresses. Before Kubernetes 1.20 a Service had only one.
func clusterIPs(spec *corev1.ServiceSpec) []string {
	if len(spec.ClusterIPs) > 0 {
		return spec.ClusterIPs
	}
	return []string{spec.ClusterIP}
}

func itself(s string) string { return s }

func (s subject) externalName(r *zone.Service, target string) *zone.Service {
	const field = "spec.externalName"
	if _, err := netip.ParseAddr(target); err == nil {
		s.skip(field, "%q is an IP address, where a name is wanted", target)
		return nil
	}
	if !isName(target) {
		s.skip(field, "%.80q is not a name", target)
		return nil
	}
	r.Kind, r.Target = zone.ExternalName, target
	return r
}

// Import translates a ServiceImport (KEP-1645). It returns nil if its name is not a DNS label.
func (t *Translator) Import(o *mcs.ServiceImport) (r *zone.Service) {
	s := subject{t, "ServiceImport", &o.ObjectMeta}
	defer recovered(s, &r)
	key, ok := s.key()
	if !ok {
		return nil
	}
	s.measureService(key, t.Imported)
	r = &zone.Service{Key: key}
	r.Ports = ports(s, "spec.ports", o.Spec.Ports, func(p mcs.ServicePort) (string, string, int32) {
		return p.Name, cmp.Or(string(p.Protocol), "TCP"), p.Port // the definition names this default, and the API does not set it
	})
	if o.Spec.Type == mcs.Headless {
		r.Kind = zone.Headless
		return r
	}
	r.Addrs = addrs(s, "spec.ips", o.Spec.IPs, itself)
	return r
}

// key returns the Service's name. It returns false if DNS can't serve it.
func (s subject) key() (zone.Key, bool) {
	namespace, ok := s.label("metadata.namespace", s.meta.Namespace)
	if !ok {
		return zone.Key{}, false
	}
	name, ok := s.label("metadata.name", s.meta.Name)
	return zone.Key{Namespace: share(namespace), Name: share(name)}, ok
}

// ports translates a Service's ports. parts returns the name, protocol and number of one.
func ports[P any](s subject, field string, list []P, parts func(P) (name, protocol string, number int32)) []zone.Port {
	out := make([]zone.Port, 0, len(list))
	for i, p := range list {
		name, protocol, number := parts(p)
		if number < 1 || number > 65535 {
			s.skip(fmt.Sprintf("%s[%d]", field, i), "%d is not a port number", number)
			continue
		}
		name, protocol = s.portLabels(field, i, name, protocol)
		out = append(out, zone.Port{Name: name, Protocol: protocol, Number: uint16(number)})
	}
	return fit(out)
}

// maxText is the length of the longest name as text, without its last dot and without escapes: the
// first label's length and the root's take a byte each.
const maxText = zone.MaxName - 2

// isName reports whether s can be the target of a CNAME record as it is spelled: it has labels of
// a legal length (RFC 1035, section 2.3.4), and no character needs an escape.
func isName(s string) bool {
	if len(s) > 0 && s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	if s == "" || len(s) > maxText {
		return false
	}
	length := 0
	for i := range len(s) {
		length++
		if s[i] == '.' {
			if length == 1 {
				return false
			}
			length = 0
		} else if length > zone.MaxLabel || !isNameByte(s[i]) {
			return false
		}
	}
	return length > 0
}

func isNameByte(c byte) bool {
	return c == '-' || c == '_' || c == '*' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
