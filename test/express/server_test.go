package express

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

func TestMain(m *testing.M) { os.Exit(run.Main(m, true)) }

// server is a running CoreDNS of ours.
type server struct {
	*run.Process
	t       *testing.T
	addr    netip.AddrPort // of DNS, on the loopback
	metrics netip.AddrPort
	fill    *strings.Replacer // for its Corefiles
}

// start runs CoreDNS with a Corefile and waits until it answers. In the Corefile PORT is a port for DNS,
// METRICS an address for metrics, RECORDS a file with the cluster of records, and FORWARD a server for
// all other names. Without that server nothing is forwarded.
func start(t *testing.T, corefile string, records string, forward *testkit.Server) *server {
	t.Helper()
	s := newServer(t, records, forward)
	s.Process = run.CoreDNS(t, s.fill.Replace(corefile))
	s.Answers(s.addr)
	return s
}

// newServer returns what start needs, before the program runs.
func newServer(t *testing.T, records string, forward *testkit.Server) *server {
	t.Helper()
	s := &server{t: t, addr: testkit.FreeAddr(t), metrics: testkit.FreeAddr(t)}
	forwards := ""
	if forward != nil {
		forwards = "forward . " + forward.Addr.String()
	}
	s.fill = strings.NewReplacer("PORT", fmt.Sprint(s.addr.Port()), "METRICS", s.metrics.String(),
		"RECORDS", run.Write(t, t.TempDir(), "records.yaml", records), "forward . FORWARD", forwards)
	return s
}

// answered returns how many queries the express lane has answered, or -1 while metrics can't be read,
// as may be during a reload.
func (s *server) answered() int {
	s.t.Helper()
	if status, _ := run.Get(s.t, "http://"+s.metrics.String()+"/metrics"); status != 200 {
		return -1
	}
	m, n := run.Scrape(s.t, s.metrics.String()), 0.0
	for _, outcome := range []string{"answered", "compared"} { // the second: and CoreDNS as well, whose answer was compared
		n += m.Sum("coredns_kubernetes_express_total", `outcome="`+outcome+`"`)
	}
	return int(n)
}

// services is how many Services each namespace has.
const services = 100

// records is a snapshot of two namespaces, ns and shop. The i-th Service of the first has the address
// 10.96.1.i, of the second 10.96.2.i. More objects may be added.
func records(more ...string) string {
	var b strings.Builder
	for k, namespace := range []string{"ns", "shop"} {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", namespace)
		for i := range services {
			b.WriteString(service(namespace, fmt.Sprintf("web-%d", i), fmt.Sprintf("10.96.%d.%d", 1+k, i)))
		}
	}
	return b.String() + strings.Join(more, "")
}

func service(namespace, name, addr string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {namespace: %s, name: %s}\nspec: {clusterIP: %[3]s, clusterIPs: [%[3]s], "+
		"ports: [{name: http, port: 80, protocol: TCP}]}\n---\n", namespace, name, addr)
}

// headless is a Service with n endpoints in slices of 1,000: 10.244.0.0 and so on.
func headless(namespace, name string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata: {namespace: %s, name: %s}\nspec: {clusterIP: None, clusterIPs: [None], "+
		"ports: [{name: http, port: 80, protocol: TCP}]}\n---\n", namespace, name)
	const most = 1000
	for from := 0; from < n; from += most {
		fmt.Fprintf(&b, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {namespace: %s, name: %s-%d, "+
			"labels: {kubernetes.io/service-name: %[2]s}}\naddressType: IPv4\nports: [{name: http, port: 80, protocol: TCP}]\nendpoints:\n", namespace, name, from)
		for i := from; i < min(n, from+most); i++ {
			fmt.Fprintf(&b, "- {addresses: [10.244.%d.%d]}\n", i/256, i%256)
		}
		b.WriteString("---\n")
	}
	return b.String()
}

// nameIn returns a function that makes up names of a namespace's Services for a load.
func nameIn(namespace string) func(i int64) string {
	return func(i int64) string { return fmt.Sprintf("web-%d.%s.svc.cluster.local.", i%services, namespace) }
}

// address returns the one right address of a Service of records.
func address(name string) string {
	var i int
	var namespace string
	if _, err := fmt.Sscanf(strings.ReplaceAll(strings.ToLower(name), ".", " "), "web-%d %s svc cluster local ", &i, &namespace); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("10.96.%d.%d", map[string]int{"ns": 1, "shop": 2}[namespace], i)
}

// right accepts the answer with the one right address, from the authority.
func right(m *dns.Msg) bool {
	return m.Authoritative && only(m, address(m.Question[0].Name))
}

// only tells whether an answer has one address, and that is it.
func only(m *dns.Msg, addr string) bool {
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
		return false
	}
	a, ok := m.Answer[0].(*dns.A)
	return ok && a.A.String() == addr
}

// ask asks once.
func (s *server) ask(network, name string, qtype uint16) (*dns.Msg, error) {
	return exchange(network, s.addr, new(dns.Msg).SetQuestion(name, qtype))
}

func exchange(network string, to netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: testkit.Patience, UDPSize: dns.MaxMsgSize, Dialer: &net.Dialer{Timeout: testkit.Patience}}
	m, _, err := c.Exchange(q, to.String())
	return m, err
}

// serves waits until a name has just one address.
func (s *server) serves(name, addr string) {
	s.t.Helper()
	s.Eventually(name+" is "+addr, func() bool {
		m, err := s.ask("udp", name, dns.TypeA)
		return err == nil && only(m, addr)
	})
}
