package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// page is how many objects CoreDNS asks for at a time.
const page = 500

// TestPages lists more Services than fit in a page.
func TestPages(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, paging, "pages")
	ips := n.vips(page + 1)
	u, kubeconfig := newUser(t, paging, "pages")
	u.grant(rights()...)
	s := serve(t, kubeconfig)
	for _, i := range []int{0, page - 1, page} {
		s.expect(n.svc(fmt.Sprintf("s%d", i)), "A", "NOERROR A "+ips[i])
	}
	for _, r := range u.requests() {
		if r.Resource == "services" && strings.Contains(r.URI, "continue=") {
			return
		}
	}
	t.Error("no second page")
}

// vips creates Services s0, s1 and so on, and returns their cluster IPs.
func (n *namespace) vips(count int) []string {
	n.Helper()
	ips := make([]string, count)
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range next {
				s := &corev1.Service{
					ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("s%d", i)},
					Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
				}
				created, err := n.client.CoreV1().Services(n.name).Create(n.Context(), s, metav1.CreateOptions{})
				if err != nil {
					n.Error(err)
					continue
				}
				ips[i] = created.Spec.ClusterIP
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	workers.Wait()
	return ips
}
