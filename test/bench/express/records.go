package express

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/neardns/neardns/test/bench/services"
)

// objects are what the API server holds.
type objects struct {
	namespaces []corev1.Namespace
	services   []corev1.Service
	slices     []discoveryv1.EndpointSlice
}

func listObjects(ctx context.Context, c kubernetes.Interface) (o objects, err error) {
	all := metav1.ListOptions{}
	namespaces, err := c.CoreV1().Namespaces().List(ctx, all)
	if err != nil {
		return o, err
	}
	svcs, err := c.CoreV1().Services("").List(ctx, all)
	if err != nil {
		return o, err
	}
	slices, err := c.DiscoveryV1().EndpointSlices("").List(ctx, all)
	if err != nil {
		return o, err
	}
	return objects{namespaces.Items, svcs.Items, slices.Items}, nil
}

// one returns the first Service that has a ClusterIP and its namespace, of all objects.
func (o objects) one() (some objects) {
	for _, n := range o.namespaces {
		if n.Name == services.Namespace(0) {
			some.namespaces = append(some.namespaces, n)
		}
	}
	for _, s := range o.services {
		if s.Namespace == services.Namespace(0) && s.Name == services.ClusterIPName(0) {
			some.services = append(some.services, s)
		}
	}
	return some
}

// snapshot writes the objects to a file as the option `snapshot` reads them.
func (o objects) snapshot(file string) error {
	return write(file, func(w io.Writer) error {
		e := json.NewEncoder(w)
		put := func(meta *metav1.ObjectMeta, of *metav1.TypeMeta, version, kind string, object any) error {
			meta.ManagedFields = nil
			of.APIVersion, of.Kind = version, kind
			return e.Encode(object)
		}
		for _, n := range o.namespaces {
			if err := put(&n.ObjectMeta, &n.TypeMeta, "v1", "Namespace", &n); err != nil {
				return err
			}
		}
		for _, s := range o.services {
			if err := put(&s.ObjectMeta, &s.TypeMeta, "v1", "Service", &s); err != nil {
				return err
			}
		}
		for _, s := range o.slices {
			if err := put(&s.ObjectMeta, &s.TypeMeta, "discovery.k8s.io/v1", "EndpointSlice", &s); err != nil {
				return err
			}
		}
		return nil
	})
}

// records calls take with each record of the cluster, in the form of a zone file. These are the
// records that the kubernetes plugins make of the objects, without the few for other types than A,
// SRV and PTR.
func (o objects) records(take func(owner, data string)) {
	headless := map[string]bool{}
	for _, s := range o.services {
		name := serviceName(s.Name, s.Namespace)
		if headless[name] = s.Spec.ClusterIP == corev1.ClusterIPNone; headless[name] {
			continue
		}
		take(name, "A "+s.Spec.ClusterIP)
		take(reverse(s.Spec.ClusterIP), "PTR "+name)
		for _, p := range s.Spec.Ports {
			take(portName(p.Name, p.Protocol, name), fmt.Sprintf("SRV 0 100 %d %s", p.Port, name))
		}
	}
	for _, s := range o.slices {
		name := serviceName(s.Labels[discoveryv1.LabelServiceName], s.Namespace)
		for _, e := range s.Endpoints {
			endpoint := endpointName(e, name)
			take(endpoint, "A "+e.Addresses[0])
			take(reverse(e.Addresses[0]), "PTR "+endpoint)
			if !headless[name] {
				continue
			}
			take(name, "A "+e.Addresses[0])
			for _, p := range s.Ports {
				take(portName(*p.Name, *p.Protocol, name), fmt.Sprintf("SRV 0 2 %d %s", *p.Port, endpoint))
			}
		}
	}
}

func serviceName(name, namespace string) string {
	return name + "." + namespace + ".svc.cluster.local."
}

func portName(name string, protocol corev1.Protocol, service string) string {
	return fmt.Sprintf("_%s._%s.%s", name, strings.ToLower(string(protocol)), service)
}

func endpointName(e discoveryv1.Endpoint, service string) string {
	if e.Hostname != nil && *e.Hostname != "" {
		return *e.Hostname + "." + service
	}
	return strings.ReplaceAll(e.Addresses[0], ".", "-") + "." + service
}

func reverse(address string) string {
	a := netip.MustParseAddr(address).As4()
	return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", a[3], a[2], a[1], a[0])
}

// names returns each name with each type that it has, once.
func (o objects) names() (all []question) {
	seen := map[question]bool{}
	o.records(func(owner, data string) {
		kind, _, _ := strings.Cut(data, " ")
		if q := (question{name: owner, qtype: dns.StringToType[kind]}); !seen[q] {
			seen[q] = true
			all = append(all, q)
		}
	})
	return all
}

// write writes a file through a buffer.
func write(file string, fill func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	if err := fill(w); err != nil {
		return err
	}
	return w.Flush()
}
