package world

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcsv1alpha1 "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// addImports makes Services of other clusters, some named as local ones.
func (w *World) addImports() {
	for _, namespace := range w.NamespaceNames() {
		for _, name := range some(w, w.rand.IntN(4), serviceNames()...) {
			w.addImport(namespace, name)
		}
	}
}

func (w *World) addImport(namespace, name string) {
	i := &mcsv1alpha1.ServiceImport{ObjectMeta: w.meta(namespace, name)}
	if w.chance(60) {
		i.Labels["env"] = pick(w, "prod", "dev")
	}
	i.Spec.Type = mcsv1alpha1.Headless
	if w.chance(60) {
		w.addressedImport(i)
	}
	for _, p := range w.servicePorts() {
		i.Spec.Ports = append(i.Spec.Ports, mcsv1alpha1.ServicePort{Name: p.Name, Port: p.Port, Protocol: p.Protocol})
	}
	w.Imports = append(w.Imports, i)
	for range w.rand.IntN(4) {
		w.importSlice(i)
	}
}

func (w *World) addressedImport(i *mcsv1alpha1.ServiceImport) {
	i.Spec.Type = mcsv1alpha1.ClusterSetIP
	families := pick(w,
		[]corev1.IPFamily{corev1.IPv4Protocol},
		[]corev1.IPFamily{corev1.IPv6Protocol},
		[]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol},
		[]corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol},
		nil,
	)
	for _, family := range families {
		i.Spec.IPs = append(i.Spec.IPs, w.clusterIP(family))
	}
}

// importSlice makes a slice that came from another cluster. Most controllers
// leave the local Service's label off it, some do not.
func (w *World) importSlice(i *mcsv1alpha1.ServiceImport) {
	pool, local := w.far, w.chance(20)
	if local {
		pool = w.pool
	}
	slice := w.slice(i.Namespace, pool, w.rand.IntN(4))
	slice.Labels[mcsv1alpha1.LabelServiceName] = i.Name
	slice.Labels[mcsv1alpha1.LabelSourceCluster] = pick(w, "cluster-a", "cluster-b", "tcp", "svc")
	if local {
		slice.Labels[discoveryv1.LabelServiceName] = i.Name
	}
}
