package object

import (
	"testing"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPod(t *testing.T) {
	now := metav1.Now()
	one := []corev1.PodIP{{IP: "10.1.0.1"}}
	tests := []struct {
		name    string
		tr      Translator
		deleted *metav1.Time
		status  corev1.PodStatus
		want    *zone.Pod
		skipped []string
	}{
		{
			name:   "running",
			status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.1.0.1"}, {IP: "fd00::1"}}},
			want:   &zone.Pod{Namespace: "default", Name: "a", Addrs: ips("10.1.0.1", "fd00::1")},
		},
		{
			name:   "labels",
			tr:     Translator{Labels: true},
			status: corev1.PodStatus{Phase: corev1.PodPending, PodIPs: one},
			want: &zone.Pod{
				Namespace: "default", Name: "a", Addrs: ips("10.1.0.1"),
				Labels: []zone.Label{{Key: "app", Value: "web"}, {Key: "tier", Value: ""}, {Key: "zone", Value: "A"}},
			},
		},
		{
			name:    "bad address",
			status:  corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.1.0"}, {}, {IP: "10.1.0.1"}}},
			want:    &zone.Pod{Namespace: "default", Name: "a", Addrs: ips("10.1.0.1")},
			skipped: []string{"status.podIPs[0]"},
		},
		{name: "no address", status: corev1.PodStatus{Phase: corev1.PodPending}},
		{
			name: "terminating", deleted: &now, status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: one},
			want: &zone.Pod{Namespace: "default", Name: "a", Addrs: ips("10.1.0.1")},
		},
		{name: "succeeded", status: corev1.PodStatus{Phase: corev1.PodSucceeded, PodIPs: one}},
		{name: "failed", status: corev1.PodStatus{Phase: corev1.PodFailed, PodIPs: one}},
		{name: "lost", status: corev1.PodStatus{Phase: corev1.PodUnknown, PodIPs: one}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, c := newTranslator(test.tr)
			o := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "default", Name: "a", DeletionTimestamp: test.deleted,
					Labels: map[string]string{"zone": "A", "app": "web", "tier": ""},
				},
				Status: test.status,
			}
			check(t, tr.Pod(o), test.want, c, test.skipped...)
		})
	}
}
