package main

import (
	"context"
	"fmt"

	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/bench/services"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// question is a row of the table. most is the aim for the cost of one ServeDNS, as a share of stock's.
type question struct {
	what, name, qtype string
	most              float64 // 0: no aim
}

var questions = []question{
	{"ClusterIP A", "service-7.team-7.svc.cluster.local.", "A", 0.5},
	{"search-path NXDOMAIN", "api.github.com.team-7.svc.cluster.local.", "A", 0.5},
	{"headless A, 50 endpoints", "headless-7.team-7.svc.cluster.local.", "A", 0.25},
	{"headless SRV, 50 endpoints", "_http._tcp.headless-7.team-7.svc.cluster.local.", "SRV", 0.25},
	{"endpoint PTR", "70.0.16.10.in-addr.arpa.", "PTR", 0.5},
	{"headless A, 5,000 endpoints", "big.team-0.svc.cluster.local.", "A", 0},
	{"headless SRV, 5,000 endpoints", "_http._tcp.big.team-0.svc.cluster.local.", "SRV", 0},
}

// createBig creates a headless Service of 5,000 endpoints in 50 slices.
func createBig(ctx context.Context, c kubernetes.Interface) error {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "big", Namespace: services.Namespace(0)},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	if _, err := c.CoreV1().Services(svc.Namespace).Create(ctx, svc, metav1.CreateOptions{}); err != nil {
		return err
	}
	return services.Each(50, func(i int) error {
		s := services.NewSlice(svc.Namespace, "big", fmt.Sprintf("big-%d", i), 10<<24|3<<20|i*100, 100, false)
		_, err := c.DiscoveryV1().EndpointSlices(svc.Namespace).Create(ctx, s, metav1.CreateOptions{})
		return err
	})
}

// measureQuestions asks the two meters each question in turn, and adds a row for each question.
func measureQuestions(t *table, meters [2]*running) error {
	const rounds = 5
	for _, q := range questions {
		var cpu, allocs [2][]float64
		for range rounds {
			for i, p := range meters {
				c, err := p.cost(q.name, q.qtype)
				if err != nil {
					return fmt.Errorf("%s: %w", q.what, err)
				}
				cpu[i], allocs[i] = append(cpu[i], c.CPU/1000), append(allocs[i], c.Allocs)
			}
		}
		t.add(row{what: "ServeDNS " + q.what + ", CPU us", ours: gauge.Median(cpu[0]), stock: gauge.Median(cpu[1]), most: q.most})
		t.add(row{what: "— allocations", ours: gauge.Median(allocs[0]), stock: gauge.Median(allocs[1])})
	}
	return nil
}
