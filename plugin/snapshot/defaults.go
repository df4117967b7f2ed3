package snapshot

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// What an object does not say, an API server fills in before anyone reads it. These functions
// do the same to what a file holds, for every field that becomes a record: they are the rules
// of Kubernetes' pkg/apis/core/v1/defaults.go and pkg/apis/discovery/v1/defaults.go. Package
// object knows that of a ServiceImport, since its definition leaves it to the reader.

// completeNamespace is SetDefaults_Namespace: each one has a label that says its name.
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

// completePod is SetDefaults_PodStatus: podIP and podIPs say the same, and where they do not,
// podIP is right.
func completePod(v *corev1.Pod) {
	s := &v.Status
	if s.PodIP != "" && (len(s.PodIPs) == 0 || s.PodIPs[0].IP != s.PodIP) {
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	}
}
