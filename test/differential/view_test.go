package differential

import (
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	mcsv1alpha1 "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"

	"github.com/neardns/neardns/test/differential/world"
)

// key names an object within the cluster.
type key struct{ namespace, name string }

// view is what a server with an option set should see of a cluster. The rules for deliberate
// differences refer to it.
type view struct {
	w *world.World
	o options

	exposed  map[string]bool
	services map[key]*corev1.Service
	imports  map[key]*mcsv1alpha1.ServiceImport
	slices   map[key][]*discoveryv1.EndpointSlice // by Service
	foreign  map[key][]*discoveryv1.EndpointSlice // by ServiceImport
	pointers map[string]pointers                  // by reverse name
	above    map[string]bool                      // names above those
	held     map[string]int                       // endpoints below a reverse name, whether or not they have a PTR
}

func newView(w *world.World, o options) *view {
	v := &view{
		w: w, o: o, exposed: map[string]bool{},
		services: map[key]*corev1.Service{}, imports: map[key]*mcsv1alpha1.ServiceImport{},
		slices: map[key][]*discoveryv1.EndpointSlice{}, foreign: map[key][]*discoveryv1.EndpointSlice{},
	}
	for _, ns := range w.Namespaces {
		named := len(o.namespaces) == 0 || contains(o.namespaces, ns.Name)
		v.exposed[ns.Name] = named && selector(o.namespaceLabels).Matches(labels.Set(ns.Labels))
	}
	for _, s := range w.Services {
		if v.sees(&s.ObjectMeta) {
			v.services[key{s.Namespace, s.Name}] = s
		}
	}
	for _, i := range w.Imports {
		v.imports[key{i.Namespace, i.Name}] = i
	}
	v.addSlices()
	v.addPointers()
	return v
}

func (v *view) addSlices() {
	if v.o.noEndpoints {
		return
	}
	for _, s := range v.w.Slices {
		if !v.sees(&s.ObjectMeta) {
			continue
		}
		if name := s.Labels[discoveryv1.LabelServiceName]; name != "" {
			v.slices[key{s.Namespace, name}] = append(v.slices[key{s.Namespace, name}], s)
		}
		if name := s.Labels[mcsv1alpha1.LabelServiceName]; name != "" {
			v.foreign[key{s.Namespace, name}] = append(v.foreign[key{s.Namespace, name}], s)
		}
	}
}

// sees tells whether the label option lets an object through.
func (v *view) sees(o *metav1.ObjectMeta) bool {
	return selector(v.o.labels).Matches(labels.Set(o.Labels))
}

func contains(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

// base are the labels of a name below its zone.
func (v *view) base(name string) []string {
	zone := v.o.zone(name)
	labels := dns.SplitDomainName(strings.ToLower(name))
	return labels[:len(labels)-dns.CountLabel(zone)]
}

// label is the label that names an endpoint with an address.
func (v *view) label(e discoveryv1.Endpoint, address string) string {
	switch {
	case e.Hostname != nil && *e.Hostname != "":
		return *e.Hostname
	case v.o.podNames && e.TargetRef != nil && e.TargetRef.Name != "" && len(e.TargetRef.Name) < 64:
		return e.TargetRef.Name
	}
	return dashed(address)
}

// each calls for every ready address of slices.
func each(slices []*discoveryv1.EndpointSlice, do func(s *discoveryv1.EndpointSlice, e discoveryv1.Endpoint, address string)) {
	for _, s := range slices {
		for _, e := range s.Endpoints {
			if !world.Ready(e) {
				continue
			}
			for _, a := range e.Addresses {
				do(s, e, a)
			}
		}
	}
}
