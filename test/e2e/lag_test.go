package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/apiproxy"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lag is how late the events of one watch are.
const lag = 2 * time.Second

// TestLag lets one watch after the other lag behind the rest, while a namespace comes with all kinds of
// records in it. Nothing that one of the other watches has told of is NXDOMAIN.
func TestLag(t *testing.T) {
	t.Parallel()
	for _, late := range []string{"namespaces", "services", "endpointslices", "pods"} {
		t.Run(late, func(t *testing.T) {
			t.Parallel()
			old := newNamespace(t, streaming, "lag-old-"+late)
			old.service("last", corev1.ServiceSpec{ClusterIP: "None"})
			p := apiproxy.Start(t, streaming.Config())
			p.Do(late, apiproxy.Live(apiproxy.Delay(lag)))
			s := serve(t, "endpoint "+p.URL, "pods verified", "resync off")
			s.expect(old.name+".svc.cluster.local", "A", "NOERROR")

			n := newNamespace(t, streaming, "lag-new-"+late)
			want := everything(n)
			told(old, s, late)
			if late == "pods" {
				delete(want, "10-9-0-1."+n.name+".pod.cluster.local") // no other watch knows what address a Pod has
			}
			testkit.Eventually(t, "all records are there", func() bool {
				done := true
				for name, w := range want {
					got := s.dig(name, "A")
					if got == "NXDOMAIN" {
						t.Errorf("%s: NXDOMAIN, and another watch has told of it", name)
					}
					if steps := w.got; len(steps) == 0 || steps[len(steps)-1] != got {
						w.got = append(steps, got)
					}
					done = done && got == w.want
				}
				return done
			})
			for name, w := range want {
				t.Logf("%s: %s", name, strings.Join(w.got, ", then "))
			}
		})
	}
}

// awaited is what a name is in the end, and what it was on the way.
type awaited struct {
	want string
	got  []string
}

// everything fills a namespace and returns the names that are there then. Its Pod comes first, so that no
// slice is empty.
func everything(n *namespace) map[string]*awaited {
	n.Helper()
	app := map[string]string{"app": "db"}
	n.pod("db-0", "db", "10.9.0.1", corev1.PodSpec{Hostname: "db-0", Subdomain: "db"})
	n.service("early", corev1.ServiceSpec{ClusterIP: "None", Selector: app})
	n.haveEndpoints("early")
	web := n.service("web", corev1.ServiceSpec{Selector: app}).Spec.ClusterIP
	n.service("db", corev1.ServiceSpec{ClusterIP: "None", Selector: app})
	n.haveEndpoints("web", "db")
	return map[string]*awaited{
		n.name + ".svc.cluster.local":               {want: "NOERROR"},
		n.svc("web"):                                {want: "NOERROR A " + web},
		"_http._tcp." + n.svc("web"):                {want: "NOERROR A " + web},
		n.svc("db"):                                 {want: "NOERROR A 10.9.0.1"},
		"db-0." + n.svc("db"):                       {want: "NOERROR A 10.9.0.1"},
		"_http._tcp." + n.svc("db"):                 {want: "NOERROR A 10.9.0.1"},
		"10-9-0-1." + n.name + ".pod.cluster.local": {want: "NOERROR A 10.9.0.1"},
	}
}

// haveEndpoints waits until the API server has slices of these Services, with endpoints.
func (n *namespace) haveEndpoints(services ...string) {
	n.Helper()
	testkit.Eventually(n, "endpoints", func() bool {
		list, err := n.client.DiscoveryV1().EndpointSlices(n.name).List(n.Context(), metav1.ListOptions{})
		if err != nil {
			n.Fatal(err)
		}
		return !slices.ContainsFunc(services, func(service string) bool {
			return !slices.ContainsFunc(list.Items, func(s discoveryv1.EndpointSlice) bool {
				return s.Labels[discoveryv1.LabelServiceName] == service && len(s.Endpoints) > 0
			})
		})
	})
}

// told waits until all watches but the late one have told of what was written before, as they tell of what
// is written now.
func told(old *namespace, s *server, late string) {
	old.Helper()
	vip := old.vip("vip")
	old.pod("p", "p", "10.9.0.2", corev1.PodSpec{})
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "last", Labels: map[string]string{discoveryv1.LabelServiceName: "last"}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.9.0.3"}}},
	}
	if _, err := old.client.DiscoveryV1().EndpointSlices(old.name).Create(old.Context(), slice, metav1.CreateOptions{}); err != nil {
		old.Fatal(err)
	}
	if late != "services" {
		s.expect(old.svc("vip"), "A", "NOERROR A "+vip)
	}
	if late != "pods" {
		s.expect("10-9-0-2."+old.name+".pod.cluster.local", "A", "NOERROR A 10.9.0.2")
	}
	if late != "endpointslices" {
		s.expect(old.svc("last"), "A", "NOERROR A 10.9.0.3")
	}
}
