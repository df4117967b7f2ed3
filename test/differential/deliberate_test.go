package differential

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcsv1alpha1 "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
	"github.com/neardns/neardns/test/nodecache/run"
)

// deliberate shows a rule: what both programs answer to a question, as brief writes it.
type deliberate struct {
	rule, set, name, kind string
	stock, ours           string
}

func deliberates() []deliberate {
	return []deliberate{
		{"soa", "default", "zzz.ns.svc.cluster.local.", "SOA", "NODATA", "NXDOMAIN"},
		{"empty", "default", "dns.cluster.local.", "A", "NXDOMAIN", "NODATA"},
		{"empty", "default", "_tcp.web.ns.svc.cluster.local.", "A", "NXDOMAIN", "NODATA"},
		{"empty", "default", "96.10.in-addr.arpa.", "PTR", "NXDOMAIN", "NODATA"},
		{"empty", "multicluster", "east.db.ns.svc.clusterset.local.", "A", "NXDOMAIN", "NODATA"},
		{"empty", "zonal", "pin._zone.db.ns.svc.cluster.local.", "A", "NXDOMAIN", "NODATA"},
		{"txt", "default", "ns.svc.cluster.local.", "TXT", "NXDOMAIN", "NODATA"},
		{"txt", "default", "cluster.local.", "TXT", "NXDOMAIN", "NODATA"},
		{"types", "default", "20.0.96.10.in-addr.arpa.", "A", "NXDOMAIN", "NODATA"},
		{"types", "default", "ns.dns.cluster.local.", "PTR", "NXDOMAIN", "NODATA"},
		{"case", "default", "CLUSTER.local.", "NS", "NODATA", "NS web.ns.svc.CLUSTER.local."},
		{"grammar", "default", "svc.in-addr.arpa.", "A", "NODATA", "NXDOMAIN"},
		{"grammar", "default", "dns-version.in-addr.arpa.", "TXT", `TXT "1.1.0"`, "NXDOMAIN"},
		{"ptr", "default", "1.0.7.10.in-addr.arpa.", "PTR", "PTR 10-7-0-1.orphan.ns.svc.cluster.local.", "NXDOMAIN"},
		{"ptr", "default", "1.0.8.10.in-addr.arpa.", "PTR", "PTR 10-8-0-1.far.missing.svc.cluster.local.", "NXDOMAIN"},
		{"version", "default", "dns-version.cluster.local.", "A", "NXDOMAIN", "NODATA"},
		{"root", "root zone", "ns.dns.", "MX", "NXDOMAIN", "NODATA"},
		{"imports", "multicluster labels", "vip.ns.svc.clusterset.local.", "A", "REFUSED", "A 10.112.0.5"},
		{"portless", "multicluster", "bare.ns.svc.clusterset.local.", "A", "NXDOMAIN", "A 10.112.0.6"},
		{"zone", "zonal", "a.pin._zone.twice.ns.svc.cluster.local.", "SRV", "SRV 0 50 80 10-0-0-9.twice.ns.svc.cluster.local. SRV 0 50 80 t.twice.ns.svc.cluster.local.",
			"SRV 0 100 80 t.twice.ns.svc.cluster.local."},
		{"terminating", "pods verified", "10-1-2-3.ns.pod.cluster.local.", "A", "NXDOMAIN", "A 10.1.2.3"},
		{"pod-srv", "pods insecure", "10-1-2-3.ns.pod.cluster.local.", "SRV", "SRV 0 100 0 10-1-2-3.ns.pod.cluster.local.", "NODATA"},
		{"label", "default", "_._tcp.web.ns.svc.cluster.local.", "SRV", "SRV 0 100 80 web.ns.svc.cluster.local.", "NXDOMAIN"},
		{"label", "default", "_http._.web.ns.svc.cluster.local.", "A", "A 10.96.0.20", "NXDOMAIN"},
		{same, "default", "fd00-2ea-3c--0-21f.odd.ns.svc.cluster.local.", "AAAA", "AAAA fd00:2ea:3c::21f", "AAAA fd00:2ea:3c::21f"},
		{"spelling", "default", "fd00-2ea-3c--21f.odd.ns.svc.cluster.local.", "AAAA", "NXDOMAIN", "AAAA fd00:2ea:3c::21f"},
		{"spelling", "default", "odd.ns.svc.cluster.local.", "SRV", "SRV 0 100 80 fd00-2ea-3c--0-21f.odd.ns.svc.cluster.local.",
			"SRV 0 100 80 fd00-2ea-3c--21f.odd.ns.svc.cluster.local."},
		{same, "pods verified", "fd00-2ea-3c--0-21f.ns.pod.cluster.local.", "AAAA", "AAAA fd00:2ea:3c::21f", "AAAA fd00:2ea:3c::21f"},
		{"spelling", "pods verified", "fd00-2ea-3c--21f.ns.pod.cluster.local.", "AAAA", "NXDOMAIN", "AAAA fd00:2ea:3c::21f"},
		{"nameserver", "namespaces", "cluster.local.", "NS", "NS web.ns.svc.cluster.local.", "NS ns.dns.cluster.local."},
		{"alias", "default", "away.ns.svc.cluster.local.", "A", "CNAME missing.outside.test.", "CNAME missing.outside.test. NXDOMAIN"},
		{"alias", "default", "away.ns.svc.cluster.local.", "TXT", "NODATA", "CNAME missing.outside.test. NXDOMAIN"},
		{"alias", "default", "lame.ns.svc.cluster.local.", "A", "CNAME nowhere.invalid.", "CNAME nowhere.invalid. SERVFAIL"},
		{"alias", "default", "circle.ns.svc.cluster.local.", "A", "NODATA", "CNAME circle.ns.svc.cluster.local. SERVFAIL"},
		{"alias", "fallthrough", "behind.ns.svc.cluster.local.", "A", "NODATA", "CNAME extra.default.svc.cluster.local. A 203.0.113.2"},
		{"nameserver", "default", "in-addr.arpa.", "NS", "NS web.ns.svc.in-addr.arpa.", "NS ns.dns.in-addr.arpa."},
		{"nameserver", "multicluster", "clusterset.local.", "NS", "NS web.ns.svc.clusterset.local.", "NS ns.dns.clusterset.local."},
		{"transfer", "transfer", "ip6.arpa.", "AXFR", "", ""},
	}
}

// TestDeliberate shows every rule on a small cluster.
func TestDeliberate(t *testing.T) {
	b := build(t)
	local, err := world.Local()
	if err != nil || len(local) == 0 {
		t.Fatalf("this machine has no address but loopback: %v", err)
	}
	w := smallWorld(local)
	sets := optionSets(w)
	p := serve(t, b, w, sets)
	shown := map[string]bool{}
	for _, d := range deliberates() {
		shown[d.rule] = true
		t.Run(d.rule+"/"+d.name+d.kind, func(t *testing.T) { p.show(t, d) })
	}
	for _, r := range rules() {
		if !shown[r.name] {
			t.Errorf("no test shows rule %s", r.name)
		}
	}
}

// show asks both programs, compares their answers with the expected ones, and checks that the rule
// explains them.
func (p *pair) show(t *testing.T, d deliberate) {
	i := slices.IndexFunc(p.sets, func(o options) bool { return o.name == d.set })
	stock := ask.NewClient(address(p.stock[i]), patience)
	defer stock.Close()
	ours := ask.NewClient(address(p.ours[i]), patience)
	defer ours.Close()
	q := ask.Question{Name: d.name, Type: dns.StringToType[d.kind], TCP: true}
	tr := trial{view: newView(p.w, p.sets[i]), silence: new(sync.Map), q: q, stock: stock, ours: ours}
	verdict, err := tr.judge()
	if err != nil {
		t.Fatal(err)
	}
	if verdict != d.rule {
		t.Errorf("verdict %q, want %q\n%s", verdict, d.rule, ask.Difference(tr.theirs, tr.own))
	}
	if d.kind == "AXFR" {
		return // the rule compares it record by record
	}
	if got := brief(tr.theirs); got != d.stock {
		t.Errorf("stock: %s, want %s", got, d.stock)
	}
	if got := brief(tr.own); got != d.ours {
		t.Errorf("ours: %s, want %s", got, d.ours)
	}
}

// brief is the types and data of an answer's records, or the kind of an answer without records.
func brief(a ask.Answer) string {
	var words []string
	for _, text := range a.Sections[ask.Records] {
		words = append(words, strings.Fields(text)[3:]...)
	}
	switch {
	case a.Silent:
		return "silent"
	case len(words) > 0 && a.Rcode != dns.RcodeSuccess:
		return strings.Join(words, " ") + " " + dns.RcodeToString[a.Rcode]
	case len(words) > 0:
		return strings.Join(words, " ")
	case a.Rcode == dns.RcodeSuccess:
		return "NODATA"
	}
	return dns.RcodeToString[a.Rcode]
}

// smallWorld is a cluster with one object for each rule.
func smallWorld(local []netip.Addr) *world.World {
	w := &world.World{Local: local}
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: map[string]string{}}
	}
	slice := func(namespace, service string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{ObjectMeta: meta(service + "-1"), AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
			Ports: []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(80)), Protocol: new(corev1.ProtocolTCP)}}}
		s.Namespace = namespace
		s.Labels[discoveryv1.LabelServiceName] = service
		return s
	}
	service := func(namespace, name, ip string) *corev1.Service {
		s := &corev1.Service{ObjectMeta: meta(name), Spec: corev1.ServiceSpec{ClusterIP: ip, ClusterIPs: []string{ip},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}}}
		s.Namespace = namespace
		return s
	}
	at := func(address string) discoveryv1.Endpoint { return discoveryv1.Endpoint{Addresses: []string{address}} }
	named := at("10.0.0.9")
	named.Hostname, named.Zone = new("t"), new("a")
	other := at("10.0.0.9")
	other.Zone = new("b")
	const odd = "fd00:2ea:3c::0:21f" // not as RFC 5952 writes it
	w.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "ns", Labels: map[string]string{"env": "prod"}}}}
	w.Services = []*corev1.Service{service("ns", "web", "10.96.0.20"), service("ns", "db", "None"), service("ns", "twice", "None"),
		service("ns", "odd", "None"), service("missing", "far", "None")}
	for name, target := range map[string]string{
		"away": "missing.outside.test", "lame": "nowhere.invalid", "circle": "circle.ns.svc.cluster.local", "behind": "extra.default.svc.cluster.local",
	} {
		w.Services = append(w.Services, &corev1.Service{ObjectMeta: meta(name), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: target}})
	}
	w.Slices = []*discoveryv1.EndpointSlice{
		slice("ns", "web", at(local[0].String())), slice("ns", "db", at("10.0.0.1")), slice("ns", "twice", other, named),
		slice("ns", "orphan", at("10.7.0.1")), slice("missing", "far", at("10.8.0.1")),
		slice("ns", "odd", at(odd)),
	}
	w.Slices[len(w.Slices)-1].AddressType = discoveryv1.AddressTypeIPv6
	going := &corev1.Pod{ObjectMeta: meta("going"), Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.1.2.3"}}}}
	going.DeletionTimestamp = new(metav1.Now())
	pod6 := &corev1.Pod{ObjectMeta: meta("six"), Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: odd}}}}
	w.Pods = []*corev1.Pod{going, pod6}
	imported := slice("ns", "db", at("10.9.0.1"))
	imported.Name, imported.Labels = "db-east", map[string]string{mcsv1alpha1.LabelServiceName: "db", mcsv1alpha1.LabelSourceCluster: "east"}
	vip := slice("ns", "vip", at("10.9.0.2"))
	vip.Name, vip.Labels = "vip-east", map[string]string{mcsv1alpha1.LabelServiceName: "vip", mcsv1alpha1.LabelSourceCluster: "east"}
	w.Slices = append(w.Slices, imported, vip)
	port := []mcsv1alpha1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
	w.Imports = []*mcsv1alpha1.ServiceImport{
		{ObjectMeta: meta("db"), Spec: mcsv1alpha1.ServiceImportSpec{Type: mcsv1alpha1.Headless, Ports: port}},
		{ObjectMeta: meta("vip"), Spec: mcsv1alpha1.ServiceImportSpec{Type: mcsv1alpha1.ClusterSetIP, IPs: []string{"10.112.0.5"}, Ports: port}},
		{ObjectMeta: meta("bare"), Spec: mcsv1alpha1.ServiceImportSpec{Type: mcsv1alpha1.ClusterSetIP, IPs: []string{"10.112.0.6"}}},
	}
	return w
}

// TestBeforeSync asks while there is no API server. Ours denies nothing, and passes nothing on.
func TestBeforeSync(t *testing.T) {
	b := build(t)
	ports := freePorts(t, 3)
	for i, binary := range []string{b.stock, b.ours} {
		corefile := fmt.Sprintf(".:%d {\n kubernetes cluster.local in-addr.arpa {\n  endpoint http://127.0.0.1:%d\n  startup_timeout 1s\n  fallthrough in-addr.arpa\n }\n whoami\n}\n", ports[i], ports[2])
		folder := t.TempDir()
		run.Write(t, folder, "Corefile", corefile)
		start(t, binary, folder).Answers(address(ports[i]))
		client := ask.NewClient(address(ports[i]), patience)
		defer client.Close()
		for name, stock := range map[string]string{"cluster.local.": "NODATA", "web.ns.svc.cluster.local.": "SERVFAIL", "1.0.0.10.in-addr.arpa.": "NODATA"} {
			a, err := client.Ask(ask.Question{Name: name, Type: dns.TypeA})
			if err != nil {
				t.Fatal(err)
			}
			want := "SERVFAIL"
			if i == 0 {
				want = stock
			}
			if got := brief(a); got != want {
				t.Errorf("%s: %s: %s, want %s", []string{"stock", "ours"}[i], name, got, want)
			}
		}
	}
}
