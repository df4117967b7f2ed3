// Package api is a small Kubernetes API server that serves fixed objects. It
// lists and watches what a DNS server asks for. It validates nothing, because a
// real API server would refuse the odd objects that a test wants.
package api

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	mcsv1alpha1 "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// Objects are all that a cluster has.
type Objects struct {
	Namespaces []*corev1.Namespace
	Services   []*corev1.Service
	Slices     []*discoveryv1.EndpointSlice
	Pods       []*corev1.Pod
	Imports    []*mcsv1alpha1.ServiceImport
}

// version is the resourceVersion of everything: nothing ever changes.
const version = "1"

// item is one object, and what selectors look at.
type item struct {
	namespace string
	labels    labels.Set
	fields    fields.Set
	json      json.RawMessage
}

// resource is one collection of objects.
type resource struct {
	kind       string
	apiVersion string
	items      []item
}

// resources encodes the objects. Its keys are the paths of their collections.
func resources(o *Objects) (map[string]resource, error) {
	all := map[string]resource{}
	for path, add := range map[string]func() (resource, error){
		"/api/v1/namespaces": func() (resource, error) {
			return encode("Namespace", "v1", o.Namespaces, noFields[*corev1.Namespace])
		},
		"/api/v1/services": func() (resource, error) {
			return encode("Service", "v1", o.Services, noFields[*corev1.Service])
		},
		"/api/v1/pods": func() (resource, error) {
			return encode("Pod", "v1", o.Pods, podFields)
		},
		"/apis/discovery.k8s.io/v1/endpointslices": func() (resource, error) {
			return encode("EndpointSlice", "discovery.k8s.io/v1", o.Slices, noFields[*discoveryv1.EndpointSlice])
		},
		"/apis/multicluster.x-k8s.io/v1alpha1/serviceimports": func() (resource, error) {
			return encode("ServiceImport", "multicluster.x-k8s.io/v1alpha1", o.Imports, noFields[*mcsv1alpha1.ServiceImport])
		},
	} {
		r, err := add()
		if err != nil {
			return nil, err
		}
		all[path] = r
	}
	return all, nil
}

func encode[T metav1.Object](kind, apiVersion string, objects []T, more func(T) fields.Set) (resource, error) {
	r := resource{kind: kind, apiVersion: apiVersion}
	for _, o := range objects {
		text, err := marshal(kind, apiVersion, o)
		if err != nil {
			return r, fmt.Errorf("%s %s/%s: %w", kind, o.GetNamespace(), o.GetName(), err)
		}
		set := fields.Set{"metadata.name": o.GetName(), "metadata.namespace": o.GetNamespace()}
		for k, v := range more(o) {
			set[k] = v
		}
		r.items = append(r.items, item{o.GetNamespace(), o.GetLabels(), set, text})
	}
	return r, nil
}

// marshal encodes an object, with what typed objects lack: a kind and a
// resourceVersion.
func marshal(kind, apiVersion string, o metav1.Object) (json.RawMessage, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	tree["kind"], tree["apiVersion"] = kind, apiVersion
	meta, ok := tree["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no metadata in %s", text)
	}
	meta["resourceVersion"] = version
	return json.Marshal(tree)
}

func noFields[T metav1.Object](T) fields.Set { return nil }

func podFields(p *corev1.Pod) fields.Set {
	return fields.Set{"status.phase": string(p.Status.Phase)}
}
