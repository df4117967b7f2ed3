package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestDrill is an outage, from its beginning to its end. Pods ask for 200 names all the time:
//
//	test --> node cache --TCP--> coredns --link--> kube-apiserver
//	                                |
//	                           kept snapshot
//
// The API server dies. Then CoreDNS dies, and starts again without an API server. The API server comes
// back, and Services change, before CoreDNS can reach it. No answer is ever wrong, and none is missing.
// The test prints how long each step took. It is not parallel: other tests need the API server.
func TestDrill(t *testing.T) {
	d := newDrill(t)
	d.everythingLive()
	d.apiServerDies()
	d.coreDNSDies()
	d.servicesChange()
	d.apiServerReturns()
}

// drill is what one outage takes.
type drill struct {
	*namespace
	link    *link
	coredns *server
	node    netip.AddrPort // of the node cache
	kept    string         // the file
	asked   []*asked
	becomes map[*asked]string // what the answers are after the outage, where they change
	last    time.Time         // the end of the last step

	slowest atomic.Int64 // answer, in nanoseconds
	count   atomic.Int64 // answers
	clients sync.WaitGroup
	stop    context.CancelFunc
}

// asked is a question that Pods ask all the time, and the answers that are right now.
type asked struct {
	name string
	kind uint16
	want atomic.Pointer[[]string]
}

const (
	drillNames    = 200
	drillServices = 65
	drillClients  = 4
)

// newDrill makes the objects, starts the programs and begins to ask.
func newDrill(t *testing.T) *drill {
	d := &drill{namespace: newNamespace(t, streaming, "drill"), last: time.Now()}
	d.objects()
	var lines []string
	d.link, lines = newLink(t, streaming)
	d.link.mend()
	d.kept = filepath.Join(t.TempDir(), "cluster.json")
	d.coredns = serve(t, append(lines, "snapshot "+d.kept+" keep")...)
	d.node = testkit.FreeAddr(t)
	program, err := run.Build(t.Context(), run.OurNodeCache)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run.Write(t, dir, "Corefile", fmt.Sprintf(
		"cluster.local:%d in-addr.arpa:%[1]d {\n\tbind 127.0.0.1\n\tcache {\n\t\tsuccess 9984 30\n\t\tdenial 9984 5\n\t}\n\tforward . %s {\n\t\tforce_tcp\n\t}\n}\n",
		d.node.Port(), d.coredns.addr))
	cache := run.Start(t, exec.Command(program, "-conf", "Corefile", "-metrics-listen-address", ""), dir)
	t.Cleanup(func() { cache.Stop() })
	cache.Answers(d.node)
	return d
}

// objects makes the Services and Pods, and the questions.
func (d *drill) objects() {
	for i := range drillServices {
		name := fmt.Sprintf("web-%d", i)
		addr := d.vip(name)
		d.ask(d.svc(name), dns.TypeA, "NOERROR A "+addr)
		d.ask(reverse(d.T, addr), dns.TypePTR, "NOERROR PTR "+d.svc(name)+".")
		if i < drillServices/2 {
			d.ask("_http._tcp."+d.svc(name), dns.TypeSRV, "NOERROR SRV 0 100 80 "+d.svc(name)+".")
		}
	}
	d.service("db", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": "db"}})
	var addrs []string
	for i := range 3 {
		addr := fmt.Sprintf("10.244.77.%d", i)
		d.pod(fmt.Sprintf("db-%d", i), "db", addr, corev1.PodSpec{Hostname: fmt.Sprintf("db-%d", i), Subdomain: "db"})
		addrs = append(addrs, "A "+addr)
		d.ask(fmt.Sprintf("db-%d.%s", i, d.svc("db")), dns.TypeA, "NOERROR A "+addr)
	}
	d.ask(d.svc("db"), dns.TypeA, "NOERROR "+strings.Join(addrs, " "))
	d.ask(d.svc("db"), dns.TypeAAAA, "NOERROR")
	for i := 0; len(d.asked) < drillNames; i++ {
		d.ask(d.svc(fmt.Sprintf("no-%d", i)), dns.TypeA, "NXDOMAIN")
	}
}

// ask adds a question.
func (d *drill) ask(name string, kind uint16, want string) {
	q := &asked{name: dns.Fqdn(name), kind: kind}
	q.accept(want)
	d.asked = append(d.asked, q)
}

// accept sets the answers that are right from now on.
func (q *asked) accept(want ...string) { q.want.Store(&want) }

func (q *asked) String() string { return q.name + " " + dns.TypeToString[q.kind] }

// right returns the answers that are right now.
func (q *asked) right() []string { return *q.want.Load() }

// of returns the question for a name.
func (d *drill) of(name string) *asked {
	return d.asked[slices.IndexFunc(d.asked, func(q *asked) bool { return q.name == dns.Fqdn(name) })]
}

// pointer returns the question for the name of a Service's address.
func (d *drill) pointer(service string) *asked {
	return d.asked[slices.IndexFunc(d.asked, func(q *asked) bool { return q.right()[0] == "NOERROR PTR "+d.svc(service)+"." })]
}

// everythingLive waits until every answer is right, and kept. From then on it has to stay right.
func (d *drill) everythingLive() {
	for _, q := range d.asked {
		testkit.Eventually(d.T, q.String(), func() bool { return d.answer(d.node, q) == q.right()[0] })
	}
	ctx, stop := context.WithCancel(d.Context())
	d.stop = stop
	d.Cleanup(func() { stop(); d.clients.Wait() })
	for first := range drillClients {
		d.clients.Go(func() { d.client(ctx, first) })
	}
	d.rounds(3)
	keeps(d.T, d.kept, "web-0", "db")
	d.step("all is live")
}

// client asks every few questions until ctx ends.
func (d *drill) client(ctx context.Context, first int) {
	for i := first; ctx.Err() == nil; i = (i + drillClients) % len(d.asked) {
		q := d.asked[i]
		before := q.right()
		began := time.Now()
		got := d.answer(d.node, q)
		took := time.Since(began)
		if !slices.Contains(before, got) && !slices.Contains(q.right(), got) {
			d.Errorf("%v: %q after %v, want %q", q, got, took, before)
		}
		d.slowest.Store(max(d.slowest.Load(), int64(took)))
		d.count.Add(1)
		time.Sleep(pace) // this makes the load what it is
	}
}

// pace is the pause between two queries of a client.
const pace = 2 * time.Millisecond

// answer asks one of the programs, and writes the answer as server.dig does.
func (d *drill) answer(addr netip.AddrPort, q *asked) string {
	c := dns.Client{Timeout: testkit.Patience}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion(q.name, q.kind), addr.String())
	if err != nil {
		return err.Error()
	}
	var records []string
	for _, rr := range r.Answer {
		data := strings.TrimPrefix(rr.String(), rr.Header().String())
		records = append(records, dns.TypeToString[rr.Header().Rrtype]+" "+data)
	}
	slices.Sort(records)
	return strings.Join(append([]string{dns.RcodeToString[r.Rcode]}, records...), " ")
}

// rounds waits until every name was asked for n times more.
func (d *drill) rounds(n int64) {
	d.Helper()
	last := d.count.Load() + n*int64(len(d.asked))
	testkit.Eventually(d.T, "all names are asked for", func() bool { return d.count.Load() >= last })
}

// step prints what is reached, and how long it took.
func (d *drill) step(what string) {
	d.Logf("%-60s %6.2f s, %5d answers, the slowest took %3d ms", what, time.Since(d.last).Seconds(), d.count.Swap(0), d.slowest.Swap(0)/1e6)
	d.last = time.Now()
}

// outlive lets the node cache's answers expire: what is served then is the cluster DNS's, or stale.
func (d *drill) outlive() {
	const longest = 6 * time.Second // the TTL of records that CoreDNS has is 5 s
	time.Sleep(longest)             // of the node cache's own clock
	d.rounds(2)
}

func (d *drill) apiServerDies() {
	d.cluster.KillAPIServer()
	d.link.cut()
	d.coredns.Logs("cannot reach the Kubernetes API")
	d.outlive()
	d.step("the API server is dead")
}

func (d *drill) coreDNSDies() {
	web := d.of(d.svc("web-2"))
	d.coredns.Kill()
	d.rounds(2)
	d.step("CoreDNS is dead, too")
	d.coredns.Process = run.Start(d.T, exec.Command(coredns, "-conf", "Corefile"), d.coredns.Dir)
	d.Cleanup(func() { d.coredns.Stop() })
	testkit.Eventually(d.T, "CoreDNS answers", func() bool { return d.answer(d.coredns.addr, web) == web.right()[0] })
	d.step("CoreDNS answers from what it has kept")
	if text := run.Dig(d.T, d.coredns.addr, web.name, "A").Text; !strings.Contains(text, "EDE: 3 (Stale Answer)") {
		d.Errorf("the answer does not say that it is stale:\n%s", text)
	}
	d.outlive()
	d.step("names are answered from there")
}

// servicesChange starts the API server, which CoreDNS can't reach yet, and changes Services.
func (d *drill) servicesChange() {
	if err := d.cluster.StartAPIServer(); err != nil {
		d.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.Context(), testkit.Patience)
	defer cancel()
	if err := d.cluster.WaitReady(ctx); err != nil {
		d.Fatal(err)
	}
	d.deleteService("web-0")
	d.deleteService("web-1")
	d.becomes = map[*asked]string{
		d.of(d.svc("web-0")):                 "NXDOMAIN",
		d.of("_http._tcp." + d.svc("web-0")): "NXDOMAIN",
		d.pointer("web-0"):                   "NXDOMAIN",
		d.pointer("web-1"):                   "NXDOMAIN",
		d.of(d.svc("web-1")):                 "NOERROR A " + d.vip("web-1"), // another address
		d.of(d.svc("no-0")):                  "NOERROR A " + d.vip("no-0"),
	}
	d.rounds(2)
	d.step("the API server is back, out of reach, and Services change")
}

// apiServerReturns lets CoreDNS reach the API server. Each answer changes once.
func (d *drill) apiServerReturns() {
	for q, next := range d.becomes {
		q.accept(q.right()[0], next)
	}
	d.link.mend()
	for q, next := range d.becomes {
		testkit.Eventually(d.T, "CoreDNS has the change of "+q.String(), func() bool { return d.answer(d.coredns.addr, q) == next })
	}
	d.step("CoreDNS is live again")
	if text := run.Dig(d.T, d.coredns.addr, d.svc("web-2"), "A").Text; strings.Contains(text, "EDE: 3") {
		d.Errorf("the answer says that it is stale:\n%s", text)
	}
	for q, next := range d.becomes {
		testkit.Eventually(d.T, "the node cache has the change of "+q.String(), func() bool { return d.answer(d.node, q) == next })
		q.accept(next)
	}
	d.step("the node cache has all changes")
	d.rounds(2)
	d.stop()
	d.clients.Wait()
}
