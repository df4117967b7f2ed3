package kube

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// resource is a list of objects of the API server that we follow.
type resource struct {
	group     schema.GroupVersion
	kind      string // of one object: Service
	name      string // plural: services
	namespace string // all if empty
	only      string // name of the one object to follow, all if empty
	labels    string // label selector
	fields    string // field selector
	accept    string // media type, the client's if empty
	object    runtime.Object
	list      func() runtime.Object // a new, empty list
	store     objects
	custom    bool                     // a CustomResourceDefinition defines it, which may be missing
	silent    atomic.Bool              // its watch was ended because it said nothing
	again     chan struct{}            // holds one: the resource is to be listed again
	watch     atomic.Pointer[attended] // brings the changes; nil while there is none, or it is still a list
}

// isListed is called when a list begins, which is as good as one that was asked for before.
func (r *resource) isListed() {
	select {
	case <-r.again:
	default:
	}
}

// objects takes the objects of a resource.
type objects interface {
	cache.TransformingStore
	newest() uint64
	differing(*listed) map[id]uint64
}

// path returns the resource's path on the server.
func (r *resource) path() []string {
	path := []string{"/apis", r.group.Group, r.group.Version}
	if r.group.Group == "" {
		path = []string{"/api", r.group.Version}
	}
	if r.namespace != "" {
		path = append(path, "namespaces", r.namespace)
	}
	return append(path, r.name)
}

// String returns the resource as log lines name it: services in namespace "a".
func (r *resource) String() string {
	name := r.name
	if r.group.Group != "" {
		name += "." + r.group.Group
	}
	switch {
	case r.namespace != "":
		return fmt.Sprintf("%s in namespace %q", name, r.namespace)
	case r.only != "":
		return fmt.Sprintf("%s with name %q", name, r.only)
	case r.name == "namespaces":
		return name
	}
	return name + " in all namespaces"
}

// livePods has the server leave out Pods that have ended or are lost. object.Translator leaves
// out the same.
const livePods = "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown"

// resources returns the resources to follow. Each calls filled once, when it is in the zone.
func (c *Config) resources(filled func()) []*resource {
	scopes := []string{metav1.NamespaceAll}
	if len(c.Namespaces) > 0 {
		scopes = slices.Compact(slices.Sorted(slices.Values(c.Namespaces)))
	}
	var list []*resource
	for _, ns := range scopes {
		list = append(list, c.namespaces(ns, filled), c.services(ns, filled))
		if c.Endpoints {
			list = append(list, c.slices(ns, filled))
		}
		if c.Pods {
			list = append(list, c.pods(ns, filled))
		}
		if c.Imports {
			list = append(list, c.imports(ns, filled), c.importedSlices(ns, filled))
		}
	}
	for _, r := range list {
		r.again = make(chan struct{}, 1)
	}
	return list
}

// namespaces follows one namespace, or all.
func (c *Config) namespaces(only string, filled func()) *resource {
	r := &resource{
		group: corev1.SchemeGroupVersion, kind: "Namespace", name: "namespaces", only: only, labels: c.NamespaceLabels,
		object: &corev1.Namespace{},
		list:   func() runtime.Object { return &corev1.NamespaceList{} },
		store: &store[*corev1.Namespace, string]{
			translate: func(o *corev1.Namespace) *string { name := o.Name; return &name },
			set:       func(name *string) { c.Writer.SetNamespace(*name) },
			remove:    func(_, name string) { c.Writer.DeleteNamespace(name) },
			replace:   func(list []*string) { c.Writer.ReplaceNamespaces(only, values(list)) },
			filled:    filled,
		},
	}
	if only != "" {
		r.fields = "metadata.name=" + only
	}
	return r
}

func values[T any](list []*T) []T {
	out := make([]T, 0, len(list))
	for _, v := range list {
		out = append(out, *v)
	}
	return out
}

func (c *Config) services(namespace string, filled func()) *resource {
	return &resource{
		group: corev1.SchemeGroupVersion, kind: "Service", name: "services", namespace: namespace, labels: c.Labels,
		object: &corev1.Service{},
		list:   func() runtime.Object { return &corev1.ServiceList{} },
		store: &store[*corev1.Service, zone.Service]{
			translate: c.Translator.Service,
			set:       func(s *zone.Service) { c.Writer.SetService(zone.Local, s) },
			remove:    func(ns, name string) { c.Writer.DeleteService(zone.Local, zone.Key{Namespace: ns, Name: name}) },
			replace:   func(list []*zone.Service) { c.Writer.ReplaceServices(zone.Local, namespace, list) },
			filled:    filled,
		},
	}
}

// imports follows ServiceImports, whatever their labels: Labels selects objects of the cluster's
// own, and imports don't carry its labels.
func (c *Config) imports(namespace string, filled func()) *resource {
	return &resource{
		group: schema.GroupVersion(mcs.GroupVersion), kind: "ServiceImport", name: "serviceimports", namespace: namespace, accept: typeJSON, custom: true,
		object: &mcs.ServiceImport{},
		list:   func() runtime.Object { return &mcs.ServiceImportList{} },
		store: &store[*mcs.ServiceImport, zone.Service]{
			translate: c.Translator.Import,
			set:       func(s *zone.Service) { c.Writer.SetService(zone.Imported, s) },
			remove:    func(ns, name string) { c.Writer.DeleteService(zone.Imported, zone.Key{Namespace: ns, Name: name}) },
			replace:   func(list []*zone.Service) { c.Writer.ReplaceServices(zone.Imported, namespace, list) },
			filled:    filled,
		},
	}
}

func (c *Config) slices(namespace string, filled func()) *resource {
	return c.slicesOf(zone.Local, c.Translator.Slice, namespace, c.Labels, filled)
}

func (c *Config) importedSlices(namespace string, filled func()) *resource {
	selector := mcs.LabelServiceName // present
	if c.Labels != "" {
		selector = c.Labels + "," + selector
	}
	return c.slicesOf(zone.Imported, c.Translator.ImportedSlice, namespace, selector, filled)
}

func (c *Config) slicesOf(set zone.Set, translate func(*discoveryv1.EndpointSlice) *zone.Slice, namespace, labels string, filled func()) *resource {
	return &resource{
		group: discoveryv1.SchemeGroupVersion, kind: "EndpointSlice", name: "endpointslices", namespace: namespace, labels: labels,
		object: &discoveryv1.EndpointSlice{},
		list:   func() runtime.Object { return &discoveryv1.EndpointSliceList{} },
		store: &store[*discoveryv1.EndpointSlice, zone.Slice]{
			translate: translate,
			set:       func(s *zone.Slice) { c.Writer.SetSlice(set, s) },
			remove:    func(ns, name string) { c.Writer.DeleteSlice(set, zone.SliceKey{Namespace: ns, Name: name}) },
			replace:   func(list []*zone.Slice) { c.Writer.ReplaceSlices(set, namespace, list) },
			changed:   func(o *discoveryv1.EndpointSlice, s *zone.Slice) { c.programmed(set, o, s) },
			filled:    filled,
		},
	}
}

// programmed passes on the time of the change that o was written for, if o names it.
func (c *Config) programmed(set zone.Set, o *discoveryv1.EndpointSlice, s *zone.Slice) {
	if c.Programmed == nil {
		return
	}
	trigger, err := time.Parse(time.RFC3339Nano, o.Annotations[corev1.EndpointsLastChangeTriggerTime])
	if err == nil {
		c.Programmed(s.Service, set, trigger)
	}
}

func (c *Config) pods(namespace string, filled func()) *resource {
	return &resource{
		group: corev1.SchemeGroupVersion, kind: "Pod", name: "pods", namespace: namespace, labels: c.Labels, fields: livePods,
		object: &corev1.Pod{},
		list:   func() runtime.Object { return &corev1.PodList{} },
		store: &store[*corev1.Pod, zone.Pod]{
			translate: c.Translator.Pod,
			set:       c.Writer.SetPod,
			remove:    c.Writer.DeletePod,
			replace:   func(list []*zone.Pod) { c.Writer.ReplacePods(namespace, list) },
			filled:    filled,
		},
	}
}
