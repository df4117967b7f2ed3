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
	s.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.Namespace{}, &corev1.NamespaceList{},
		&corev1.Service{}, &corev1.ServiceList{},
		&corev1.Pod{}, &corev1.PodList{})
	s.AddKnownTypes(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{})
	s.AddKnownTypes(schema.GroupVersion(mcs.GroupVersion), &mcs.ServiceImport{}, &mcs.ServiceImportList{})
	for group := range s.AllKnownTypes() {
		metav1.AddToGroupVersion(s, group.GroupVersion()) // Status and WatchEvent
	}
	return serializer.NewCodecFactory(s).WithoutConversion()
}
