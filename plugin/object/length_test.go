package object

import (
	"fmt"
	"strings"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// TestNamesTooLong shows which names of 255 bytes and more are reported (RFC 1035, section
// 2.3.4), once for an object. Records stay, since a shorter zone may have room for the names.
func TestNamesTooLong(t *testing.T) {
	long := strings.Repeat("x", 63)
	tr, c := newTranslator(Translator{Local: len("\x07cluster\x05local\x00"), Imported: len("\x0aclusterset\x05local\x00")})
	meta := metav1.ObjectMeta{Namespace: long, Name: long}
	slice := func(labels map[string]string, hosts ...string) *discoveryv1.EndpointSlice {
		o := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: long, Name: "s", Labels: labels}}
		for i, host := range hosts {
			o.Endpoints = append(o.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.0.0.%d", i)}, Hostname: &host})
		}
		return o
	}
	local := tr.Slice(slice(map[string]string{discoveryv1.LabelServiceName: long}, long, "a"))
	if len(local.Endpoints) != 2 || len(c.problems) > 0 { // 64 + 64 + 64 + 4 + 15
		t.Errorf("%v, skipped %v", local.Endpoints, c.problems)
	}
	east := map[string]string{mcs.LabelServiceName: long, mcs.LabelSourceCluster: long}
	far := tr.ImportedSlice(slice(east, long, "a", strings.Repeat("y", 40), strings.Repeat("y", 41), strings.Repeat("y", 42)))
	want := "endpoints of EndpointSlice " + long + "/s: the names of 3 of them would take up to 278 bytes, of at most 255"
	if len(far.Endpoints) != 5 || len(c.problems) != 1 || c.problems[0].String() != want || !c.problems[0].TooLong {
		t.Errorf("%v, skipped %v, want %s", far.Endpoints, c.problems, want)
	}
	c.problems = nil
	tr.Local = 130
	if s := tr.Service(&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1"}}); s == nil || len(c.problems) != 1 {
		t.Errorf("%v, skipped %v", s, c.problems)
	}
}

// TestClusterID shows that a cluster id that is no label takes its endpoints' names, and leaves
// their addresses.
func TestClusterID(t *testing.T) {
	for id, want := range map[string]zone.Slice{
		"east": {Cluster: "east"}, "East_1": {Cluster: "east_1"}, "": {}, "eu.west": {Nameless: true}, "a b": {Nameless: true},
	} {
		tr, c := newTranslator(Translator{})
		s := tr.ImportedSlice(&discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			Namespace: "n", Name: "s", Labels: map[string]string{mcs.LabelServiceName: "web", mcs.LabelSourceCluster: id}}})
		if s.Cluster != want.Cluster || s.Nameless != want.Nameless || len(c.problems) > 0 != want.Nameless {
			t.Errorf("%q: %+v, skipped %v", id, s, c.problems)
		}
	}
}

// TestPortLabels shows what becomes of names of ports that can't stand behind an underscore.
func TestPortLabels(t *testing.T) {
	tr, c := newTranslator(Translator{})
	s := tr.Service(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "s"},
		Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1", Ports: []corev1.ServicePort{
			{Name: strings.Repeat("p", 63), Port: 1, Protocol: "TCP"}, {Name: strings.Repeat("p", 62), Port: 2, Protocol: "TCP"},
			{Name: "a.b", Port: 3, Protocol: "TCP"}, {Name: "c", Port: 4, Protocol: "TCP UDP"},
		}},
	})
	check(t, s.Ports, []zone.Port{
		{Protocol: "tcp", Number: 1}, {Name: strings.Repeat("p", 62), Protocol: "tcp", Number: 2},
		{Protocol: "tcp", Number: 3}, {Name: "c", Number: 4},
	}, c, "spec.ports[0].name", "spec.ports[2].name", "spec.ports[3].protocol")
}
