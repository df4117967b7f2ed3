package object

import (
	"cmp"
	"slices"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
)

// Pod translates a Pod. It returns nil if the Pod has no address, or if another Pod may have the
// address by now: this one has ended, or its node has lost touch. A terminating Pod has its
// address until it is gone: it sends queries, and others may ask for it.
func (t *Translator) Pod(o *corev1.Pod) (r *zone.Pod) {
	if gone(o.Status.Phase) {
		return nil
	}
	s := subject{t, "Pod", &o.ObjectMeta}
	defer recovered(s, &r)
	ips := addrs(s, "status.podIPs", o.Status.PodIPs, func(ip corev1.PodIP) string { return ip.IP })
	if len(ips) == 0 {
		return nil
	}
	r = &zone.Pod{Namespace: intern(o.Namespace), Name: o.Name, Addrs: ips}
	if t.Labels {
		r.Labels = podLabels(o.Labels)
	}
	return r
}

func gone(phase corev1.PodPhase) bool {
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed || phase == corev1.PodUnknown
}

// podLabels returns the labels ordered by key, so that equal sets are equal lists.
func podLabels(labels map[string]string) []zone.Label {
	if len(labels) == 0 {
		return nil
	}
	list := make([]zone.Label, 0, len(labels))
	for k, v := range labels {
		list = append(list, zone.Label{Key: share(k), Value: share(v)})
	}
	slices.SortFunc(list, func(a, b zone.Label) int { return cmp.Compare(a.Key, b.Key) })
	return list
}
