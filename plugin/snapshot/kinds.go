package snapshot

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

func (p *parser) namespace(o *raw) error {
	if err := p.name(o, false); err != nil {
		return err
	}
	completeNamespace(o)
	p.remarks.namespaces[o.Metadata.Name] = true
	if p.among(o.Metadata.Name) && matches(p.cfg.NamespaceLabels, o) {
		p.namespaces = append(p.namespaces, strings.ToLower(o.Metadata.Name)) // as in the records
	}
	return nil
}

// known reads an object that stands in a namespace.
func known[T any](p *parser, o *raw) (*T, error) {
	if err := p.name(o, true); err != nil {
		return nil, err
	}
	return decode[T](o)
}

func (p *parser) service(o *raw) error {
	v, err := known[corev1.Service](p, o)
	if err != nil {
		return err
	}
	completeService(v)
	if err := checkService(o, v); err != nil {
		return err
	}
	r := p.translate.Service(v)
	if err := p.settle(o); err != nil {
		return err
	}
	served := r != nil && p.serves(o)
	p.remarks.service(o, v, served)
	if served {
		p.services = append(p.services, r)
	}
	return nil
}

// serviceTypes are those that an API server lets a Service have.
var serviceTypes = []corev1.ServiceType{
	corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName,
}

// checkService finds a Service that was written by hand, rather than printed by a cluster.
func checkService(o *raw, v *corev1.Service) error {
	switch {
	case !slices.Contains(serviceTypes, v.Spec.Type):
		return o.fault(path{"spec", "type"}, fmt.Sprintf("%.80q is not one of %v", v.Spec.Type, serviceTypes))
	case v.Spec.Type == corev1.ServiceTypeExternalName && v.Spec.ExternalName == "":
		return o.fault(path{"spec", "externalName"}, "missing")
	case v.Spec.Type == corev1.ServiceTypeExternalName:
	case v.Spec.ClusterIP == "" && len(v.Spec.ClusterIPs) == 0:
		return o.fault(path{"spec", "clusterIP"}, "missing; the cluster assigns one, or None for a headless Service")
	case v.Spec.ClusterIP != "" && len(v.Spec.ClusterIPs) > 0 && v.Spec.ClusterIP != v.Spec.ClusterIPs[0]:
		return o.fault(path{"spec", "clusterIP"}, fmt.Sprintf("is %.80q, and the first of clusterIPs is %.80q", v.Spec.ClusterIP, v.Spec.ClusterIPs[0]))
	}
	return nil
}

func (p *parser) slice(o *raw) error {
	v, err := known[discoveryv1.EndpointSlice](p, o)
	if err != nil {
		return err
	}
	completeSlice(v)
	local, imported := p.translate.Slice(v), p.translate.ImportedSlice(v)
	if err := p.settle(o); err != nil {
		return err
	}
	p.remarks.slice(o)
	if local != nil && p.serves(o) {
		p.slices = append(p.slices, local)
	}
	if imported != nil && p.serves(o) {
		p.imported = append(p.imported, imported)
	}
	return nil
}

func (p *parser) pod(o *raw) error {
	if !p.cfg.Pods {
		return nil
	}
	v, err := known[corev1.Pod](p, o)
	if err != nil {
		return err
	}
	completePod(v)
	r := p.translate.Pod(v)
	if err := p.settle(o); err != nil {
		return err
	}
	p.remarks.pods++
	if r != nil && p.serves(o) {
		p.pods = append(p.pods, r)
	}
	return nil
}

// serviceImport is not subject to Labels, just as with an API server.
func (p *parser) serviceImport(o *raw) error {
	if !p.cfg.Imports {
		return nil
	}
	v, err := known[mcs.ServiceImport](p, o)
	if err != nil {
		return err
	}
	if v.Spec.Type == "" {
		return o.fault(path{"spec", "type"}, "missing; expected ClusterSetIP or Headless")
	}
	r := p.translate.Import(v)
	if err := p.settle(o); err != nil {
		return err
	}
	if r != nil && p.among(o.Metadata.Namespace) {
		p.imports = append(p.imports, r)
	}
	return nil
}
