package kube

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// resource is a list of objects of the API server's that is followed.
type resource struct {
	group     schema.GroupVersion
	name      string // plural: services
	namespace string // all if empty
	only      string // name of the one object that is followed, all if empty
	labels    string // label selector
	fields    string // field selector
	accept    string // media type, the client's if empty
	object    runtime.Object
	list      func() runtime.Object // a new, empty list
	store     cache.TransformingStore
	custom    bool // defined by a CustomResourceDefinition, that may be missing
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
