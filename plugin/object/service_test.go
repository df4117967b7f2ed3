package object

import (
	"testing"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

func TestService(t *testing.T) {
	const external = corev1.ServiceTypeExternalName
	web := key("default", "web")
	tests := []struct {
		name    string
		spec    corev1.ServiceSpec
		want    *zone.Service
		skipped []string
	}{
		{
			name: "cluster IP",
			spec: corev1.ServiceSpec{
				ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1", "fd00::1"},
				Selector: map[string]string{"app": "web"},
				Ports: []corev1.ServicePort{
					{Name: "HTTP", Protocol: "TCP", Port: 80},
					{Name: "dns", Protocol: "UDP", Port: 65535},
				},
			},
			want: &zone.Service{
				Key: web, Selector: true, Addrs: ips("10.0.0.1", "fd00::1"),
				Ports: []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}, {Name: "dns", Protocol: "udp", Number: 65535}},
			},
		},
		{
			name: "one cluster IP, from before there were several",
			spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1"},
			want: &zone.Service{Key: web, Addrs: ips("10.0.0.1")},
		},
		{
			name: "no cluster IP yet",
			want: &zone.Service{Key: web},
		},
		{
			name: "repeated and mapped cluster IPs",
			spec: corev1.ServiceSpec{ClusterIPs: []string{"10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1"}},
			want: &zone.Service{Key: web, Addrs: ips("10.0.0.1")},
		},
		{
			name:    "bad cluster IPs",
			spec:    corev1.ServiceSpec{ClusterIPs: []string{"10.0.0.256", "10.0.0.1", "fe80::1%eth0"}},
			want:    &zone.Service{Key: web, Addrs: ips("10.0.0.1")},
			skipped: []string{"spec.clusterIPs[0]", "spec.clusterIPs[2]"},
		},
		{
			name: "bad ports",
			spec: corev1.ServiceSpec{
				ClusterIP: "10.0.0.1",
				Ports:     []corev1.ServicePort{{Name: "a"}, {Name: "b", Port: 1}, {Name: "c", Port: 65536}, {Port: -1}},
			},
			want:    &zone.Service{Key: web, Addrs: ips("10.0.0.1"), Ports: []zone.Port{{Name: "b", Number: 1}}},
			skipped: []string{"spec.ports[0]", "spec.ports[2]", "spec.ports[3]"},
		},
		{
			name: "headless",
			spec: corev1.ServiceSpec{ClusterIP: "None", ClusterIPs: []string{"None"}, Ports: []corev1.ServicePort{{Port: 80}}},
			want: &zone.Service{Key: web, Kind: zone.Headless, Ports: []zone.Port{{Number: 80}}},
		},
		{
			name: "external name",
			spec: corev1.ServiceSpec{Type: external, ExternalName: "Example.com", Selector: map[string]string{"a": "b"}},
			want: &zone.Service{Key: web, Kind: zone.ExternalName, Selector: true, Target: "Example.com"},
		},
		{
			name: "external name that was headless",
			spec: corev1.ServiceSpec{Type: external, ExternalName: "example.com.", ClusterIP: "None"},
			want: &zone.Service{Key: web, Kind: zone.ExternalName, Target: "example.com."},
		},
		{name: "no external name", spec: corev1.ServiceSpec{Type: external}, skipped: []string{"spec.externalName"}},
		{name: "external address", spec: corev1.ServiceSpec{Type: external, ExternalName: "192.0.2.1"}, skipped: []string{"spec.externalName"}},
		{name: "external IPv6 address", spec: corev1.ServiceSpec{Type: external, ExternalName: "2001:db8::1"}, skipped: []string{"spec.externalName"}},
		{name: "external name of many labels", spec: corev1.ServiceSpec{Type: external, ExternalName: "a..b"}, skipped: []string{"spec.externalName"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, c := newTranslator(Translator{})
			o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: test.spec}
			check(t, tr.Service(o), test.want, c, test.skipped...)
		})
	}
}

func TestServiceNames(t *testing.T) {
	tests := []struct{ namespace, name, skipped string }{
		{"default", "", "metadata.name"},
		{"default", "a.b", "metadata.name"},
		{"", "web", "metadata.namespace"},
		{"a_b", "web", "metadata.namespace"},
	}
	for _, test := range tests {
		tr, c := newTranslator(Translator{})
		m := metav1.ObjectMeta{Namespace: test.namespace, Name: test.name}
		check(t, tr.Service(&corev1.Service{ObjectMeta: m}), nil, c, test.skipped)
		c.problems = nil
		check(t, tr.Import(&mcs.ServiceImport{ObjectMeta: m}), nil, c, test.skipped)
	}
	tr, c := newTranslator(Translator{})
	o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "Default", Name: "Web"}}
	check(t, tr.Service(o), &zone.Service{Key: key("default", "web")}, c)
}

func TestImport(t *testing.T) {
	web := key("default", "web")
	tests := []struct {
		name    string
		spec    mcs.ServiceImportSpec
		want    *zone.Service
		skipped []string
	}{
		{
			name: "cluster set IP",
			spec: mcs.ServiceImportSpec{
				Type: mcs.ClusterSetIP, IPs: []string{"10.1.0.1", "fd00:1::1"},
				Ports: []mcs.ServicePort{{Name: "http", Protocol: "TCP", Port: 80}},
			},
			want: &zone.Service{
				Key: web, Addrs: ips("10.1.0.1", "fd00:1::1"),
				Ports: []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}},
			},
		},
		{
			name: "headless",
			spec: mcs.ServiceImportSpec{Type: mcs.Headless, Ports: []mcs.ServicePort{{Port: 53}}},
			want: &zone.Service{Key: web, Kind: zone.Headless, Ports: []zone.Port{{Protocol: "tcp", Number: 53}}}, // KEP-1645: "Default is TCP"
		},
		{
			name:    "bad parts",
			spec:    mcs.ServiceImportSpec{IPs: []string{"x", "10.1.0.1"}, Ports: []mcs.ServicePort{{}, {Port: 1}}},
			want:    &zone.Service{Key: web, Addrs: ips("10.1.0.1"), Ports: []zone.Port{{Protocol: "tcp", Number: 1}}},
			skipped: []string{"spec.ports[0]", "spec.ips[0]"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, c := newTranslator(Translator{})
			o := &mcs.ServiceImport{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: test.spec}
			check(t, tr.Import(o), test.want, c, test.skipped...)
		})
	}
}
