package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/neardns/neardns/plugin/object"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// parser gathers the records of a file.
type parser struct {
	cfg       *Config
	translate *object.Translator // reports to problems
	problems  []object.Problem   // with the present object
	seen      map[identity]place
	contents
}

// identity is the kind and the name of an object, of which there is one only.
type identity struct{ kind, name string }

// parse returns the records that data holds and that cfg selects. An error is a *fault.
func parse(data []byte, cfg *Config) (*contents, error) {
	p := newParser(cfg)
	err := documents(data, func(n int, doc []byte) error { return objects(n, doc, p.add) })
	if err == nil && len(p.seen) == 0 {
		err = &fault{reason: "nothing to serve; " + kubectl + " prints what can be served"}
	}
	var f *fault
	if errors.As(err, &f) && f.line == 0 {
		f.line = lineOf(data, f.place, f.field)
	}
	if err != nil {
		return nil, err
	}
	return &p.contents, nil
}

func newParser(cfg *Config) *parser {
	p := &parser{cfg: cfg, seen: map[identity]place{}}
	t := *cfg.Translator
	t.Skipped = func(problem object.Problem) { p.problems = append(p.problems, problem) }
	p.translate = &t
	p.remarks = newRemarks()
	return p
}

// add reads one object. It passes over kinds that make no records.
func (p *parser) add(o *raw) error {
	switch {
	case o.APIVersion == "":
		return o.fault(path{"apiVersion"}, "missing")
	case o.Kind == "":
		return o.fault(path{"kind"}, "missing")
	}
	switch o.APIVersion + " " + o.Kind {
	case "v1 Namespace":
		return p.namespace(o)
	case "v1 Service":
		return p.service(o)
	case "discovery.k8s.io/v1 EndpointSlice":
		return p.slice(o)
	case "v1 Pod":
		return p.pod(o)
	case "multicluster.x-k8s.io/v1alpha1 ServiceImport", "multicluster.x-k8s.io/v1beta1 ServiceImport":
		return p.serviceImport(o)
	}
	p.remarks.others[o.Kind+" ("+o.APIVersion+")"] = true
	return nil
}

// name checks that the object has a name, and that no other has the same.
func (p *parser) name(o *raw, namespaced bool) error {
	switch {
	case o.Metadata.Name == "":
		return o.fault(path{"metadata", "name"}, "missing")
	case namespaced && o.Metadata.Namespace == "":
		return o.fault(path{"metadata", "namespace"}, "missing")
	}
	id := identity{o.Kind, strings.ToLower(o.name())} // DNS knows no letter case
	if first, ok := p.seen[id]; ok {
		return o.fault(path{"metadata", "name"}, "already taken by "+first.String())
	}
	p.seen[id] = o.place
	return nil
}

// settle returns a fault if the Translator could not use a part of the object. It lets pass what
// an API server lets pass, so that a file that a cluster printed is never refused.
func (p *parser) settle(o *raw) error {
	for _, problem := range p.problems {
		field := parsePath(problem.Field)
		if !problem.TooLong && !passes(field) {
			return o.fault(o.written(field), problem.Reason)
		}
	}
	p.skipped = append(p.skipped, p.problems...)
	p.problems = nil
	return nil
}

// older leads from a field to the older one whose place it took. A cluster prints both.
var older = map[string]path{
	"spec.clusterIPs[0]": {"spec", "clusterIP"},
	"status.podIPs[0]":   {"status", "podIP"},
}

// written returns the field that the file has: the given one, or the older one that means the same.
func (o *raw) written(field path) path {
	if p, ok := older[field.String()]; ok && !o.has(field) {
		return p
	}
	return field
}

// passes reports whether an API server accepts values of the field that DNS can't serve: a target
// that is an address, endpoints that are names, any text in a label or as a topology zone.
func passes(field path) bool {
	s := field.String()
	return s == "spec.externalName" || s == "addressType" ||
		len(field) > 1 && field[1] == any("labels") || len(field) == 3 && field[2] == any("zone")
}

// serves reports whether the configuration selects an object.
func (p *parser) serves(o *raw) bool {
	return p.among(o.Metadata.Namespace) && matches(p.cfg.Labels, o)
}

func (p *parser) among(namespace string) bool {
	return len(p.cfg.Namespaces) == 0 || slices.Contains(p.cfg.Namespaces, namespace)
}

func matches(s labels.Selector, o *raw) bool {
	return s == nil || s.Matches(labels.Set(o.Metadata.Labels))
}

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

// serviceTypes are the types that an API server accepts.
var serviceTypes = []corev1.ServiceType{
	corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName,
}

// checkService returns a fault if no cluster printed this Service, but somebody wrote it by hand
// and left out what a cluster fills in.
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

// serviceImport ignores Labels, as kube does.
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

// An API server fills in fields that an object lacks. The functions below do the same for every
// field that becomes a record. They follow Kubernetes' pkg/apis/core/v1/defaults.go and
// pkg/apis/discovery/v1/defaults.go. The definition of ServiceImport leaves its default to the
// reader, so package object has that one.

// completeNamespace is SetDefaults_Namespace: each Namespace has a label with its name.
func completeNamespace(o *raw) {
	if o.Metadata.Labels == nil {
		o.Metadata.Labels = map[string]string{}
	}
	o.Metadata.Labels[corev1.LabelMetadataName] = o.Metadata.Name
}

// completeService is SetDefaults_Service.
func completeService(v *corev1.Service) {
	if v.Spec.Type == "" {
		v.Spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range v.Spec.Ports {
		if p := &v.Spec.Ports[i]; p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
	}
}

// completeSlice is SetDefaults_EndpointPort.
func completeSlice(v *discoveryv1.EndpointSlice) {
	for i := range v.Ports {
		p := &v.Ports[i]
		if p.Name == nil {
			p.Name = new(string)
		}
		if p.Protocol == nil {
			p.Protocol = new(corev1.ProtocolTCP)
		}
	}
}

// completePod is SetDefaults_PodStatus: podIP is the first of podIPs. If they differ, podIP is
// right.
func completePod(v *corev1.Pod) {
	s := &v.Status
	if s.PodIP != "" && (len(s.PodIPs) == 0 || s.PodIPs[0].IP != s.PodIP) {
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	}
}
