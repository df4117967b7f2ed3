package kube

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// codecs decode what is followed, and no more: client-go's own scheme brings all the types
// of the API into the program, which cost it tens of megabytes on disk and some in memory.
func codecs() runtime.NegotiatedSerializer {
	s := runtime.NewScheme()
	add := func(group schema.GroupVersion, types ...runtime.Object) {
		s.AddKnownTypes(group, types...)
		metav1.AddToGroupVersion(s, group) // Status and WatchEvent
	}
	add(corev1.SchemeGroupVersion,
		&corev1.Namespace{}, &corev1.NamespaceList{},
		&corev1.Service{}, &corev1.ServiceList{},
		&corev1.Pod{}, &corev1.PodList{})
	add(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{})
	add(schema.GroupVersion(mcs.GroupVersion), &mcs.ServiceImport{}, &mcs.ServiceImportList{})
	return serializer.NewCodecFactory(s).WithoutConversion()
}
