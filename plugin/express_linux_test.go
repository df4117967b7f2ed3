package kubernetes

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	_ "github.com/coredns/coredns/plugin/multisocket"
	_ "github.com/coredns/coredns/plugin/shed"
	_ "github.com/coredns/coredns/plugin/timeouts"
	_ "github.com/coredns/coredns/plugin/whoami"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/prometheus/client_golang/prometheus"
)

// program is a running instance of CoreDNS in this process, and what took its place.
type program struct {
	addr netip.AddrPort
	dir  string
	now  *caddy.Instance
}

// cluster are the records of a small cluster.
const cluster = `
apiVersion: v1
kind: Namespace
metadata: {name: ns}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ns}
spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}
`

// run starts CoreDNS at a free address. In the Corefile, PORT stands for its port.
func run(t *testing.T, corefile string) *program {
	t.Helper()
	p := &program{addr: testkit.FreeAddr(t), dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(p.dir, "records.yaml"), []byte(cluster), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.now, err = caddy.Start(p.input(corefile)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// stop does what caddy does for SIGTERM.
func (p *program) stop() {
	p.now.ShutdownCallbacks()
	_ = p.now.Stop()
}

func (p *program) input(corefile string) caddy.CaddyfileInput {
	corefile = strings.ReplaceAll(corefile, "PORT", fmt.Sprint(p.addr.Port()))
	corefile = strings.ReplaceAll(corefile, "RECORDS", "{\n  snapshot records.yaml\n }")
	corefile = strings.ReplaceAll(corefile, "OFF", "{\n  snapshot records.yaml\n  express off\n }")
	return caddy.CaddyfileInput{Contents: []byte(corefile), Filepath: filepath.Join(p.dir, "Corefile"), ServerTypeName: "dns"}
}

// reload puts another Corefile in the place of the present one.
func (p *program) reload(corefile string) error {
	next, err := p.now.Restart(p.input(corefile))
	p.now = next
	return err
}

// seriesOf returns the sum of a counter's series that have a label value.
func seriesOf(t *testing.T, name, value string) (sum float64, found bool) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetValue() == value {
					sum, found = sum+m.Counter.GetValue(), true
				}
			}
		}
	}
	return sum, found
}

// byLane returns how many queries the lane has answered.
func byLane(t *testing.T) float64 {
	t.Helper()
	answered, _ := seriesOf(t, "coredns_kubernetes_express_total", "answered")
	compared, _ := seriesOf(t, "coredns_kubernetes_express_total", "compared")
	return answered + compared
}

// asks asks p for a Service and for a name outside the cluster, and reports whether the lane has answered
// the first, and it alone.
func (p *program) asks(t *testing.T, network string) bool {
	t.Helper()
	before := byLane(t)
	c := dns.Client{Net: network, Timeout: testkit.Patience}
	for name, record := range map[string]func(*dns.Msg) bool{
		"web.ns.svc.cluster.local.": func(m *dns.Msg) bool { return len(m.Answer) == 1 },
		"example.org.":              func(m *dns.Msg) bool { return len(m.Extra) == 2 }, // whoami's
	} {
		if r, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), p.addr.String()); err != nil || !record(r) {
			t.Errorf("%s, %s: %v, %v", network, name, r, err)
		}
	}
	return byLane(t) == before+1
}

var networks = []string{"udp", "tcp"}

// query returns a packed query for an address.
func query(t *testing.T, name string) []byte {
	t.Helper()
	b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// load asks p for names in the cluster and outside it.
func (p *program) load(t *testing.T) *testkit.Load {
	t.Helper()
	return testkit.NewLoad(t, p.addr, query(t, "web.ns.svc.cluster.local."), query(t, "no.ns.svc.cluster.local."), query(t, "example.org."))
}

// TestExpress has the lane answer beside servers of several kinds.
func TestExpress(t *testing.T) {
	for name, tt := range map[string]struct {
		corefile string
		lane     bool
		late     bool // the lane begins with the first query
	}{
		"one block":  {".:PORT {\n bind 127.0.0.1\n kubernetes cluster.local RECORDS\n whoami\n}\n", true, false},
		"off":        {".:PORT {\n bind 127.0.0.1\n kubernetes cluster.local OFF\n whoami\n}\n", false, false},
		"all":        {".:PORT {\n kubernetes cluster.local RECORDS\n whoami\n}\n", true, false},
		"two blocks": {"cluster.local:PORT {\n bind 127.0.0.1\n kubernetes RECORDS\n}\n.:PORT {\n bind 127.0.0.1\n whoami\n}\n", true, false},
		"two of ours": {"cluster.local:PORT {\n bind 127.0.0.1\n kubernetes RECORDS\n}\n.:PORT {\n bind 127.0.0.1\n" +
			" kubernetes other.local RECORDS\n whoami\n}\n", true, false},
		"two addresses": {".:PORT {\n bind 127.0.0.1 ::1\n kubernetes cluster.local RECORDS\n whoami\n}\n", true, false},
		"multisocket":   {".:PORT {\n bind 127.0.0.1\n multisocket 3\n kubernetes cluster.local RECORDS\n whoami\n}\n", true, false},
		"shed":          {".:PORT {\n bind 127.0.0.1\n shed\n kubernetes cluster.local RECORDS\n whoami\n}\n", true, false},
		"shed before": {".:PORT {\n bind 127.0.0.1\n shed\n whoami\n}\ncluster.local:PORT {\n bind 127.0.0.1\n" +
			" kubernetes RECORDS\n}\n", true, true},
		"shed behind": {"cluster.local:PORT {\n bind 127.0.0.1\n kubernetes RECORDS\n}\n.:PORT {\n bind 127.0.0.1\n" +
			" shed\n whoami\n}\n", true, true},
		"shed in ours and another": {"cluster.local:PORT {\n bind 127.0.0.1\n shed\n kubernetes RECORDS\n}\n.:PORT {\n" +
			" bind 127.0.0.1\n shed\n whoami\n}\n", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, tt.corefile)
			if tt.late {
				p.asks(t, "udp")
			} else if tt.lane {
				testkit.Eventually(t, "CoreDNS has told of its server", func() bool { return p.asks(t, "udp") })
			}
			for _, network := range networks {
				if got := p.asks(t, network); got != tt.lane {
					t.Errorf("%s: by the lane %v, want %v", network, got, tt.lane)
				}
			}
			if strings.Contains(name, "shed") {
				if _, found := seriesOf(t, "coredns_shed_dropped_total", "dns://"+p.addr.String()); !found {
					t.Error("shed does not know the server")
				}
			}
		})
	}
}

// TestReload reloads under load, and turns the lane on and off, moves it and takes it away: no query is
// lost.
func TestReload(t *testing.T) {
	const (
		on     = ".:PORT {\n bind 127.0.0.1\n kubernetes cluster.local RECORDS\n whoami\n}\n"
		slower = ".:PORT {\n bind 127.0.0.1\n timeouts {\n  idle 20s\n }\n kubernetes cluster.local RECORDS\n whoami\n}\n"
		off    = ".:PORT {\n bind 127.0.0.1\n kubernetes cluster.local OFF\n whoami\n}\n"
		logs   = ".:PORT {\n bind 127.0.0.1\n log\n kubernetes cluster.local RECORDS\n whoami\n}\n"
		none   = ".:PORT {\n bind 127.0.0.1\n whoami\n}\n"
		moved  = ".:PORT {\n bind 127.0.0.1\n whoami\n}\ncluster.local:PORT {\n bind 127.0.0.1 ::1\n kubernetes RECORDS\n}\n"
		shed   = ".:PORT {\n bind 127.0.0.1\n shed\n whoami\n}\ncluster.local:PORT {\n bind 127.0.0.1\n kubernetes RECORDS\n}\n"
	)
	p := run(t, on)
	load := p.load(t)
	load.More(200)
	for i, corefile := range []string{on, off, on, none, moved, slower, on, shed, shed, on, moved, none} {
		if err := p.reload(corefile); err != nil {
			t.Fatal(err)
		}
		load.More(200)
		lane := corefile != off && corefile != none
		before := byLane(t)
		load.More(100)
		if after := byLane(t); (after > before) != lane {
			t.Errorf("after reload %d the lane answers: %v, want %v", i, after > before, lane)
		}
	}
	load.End()
}

// TestReloadFails reloads what can't be started: the lane goes on, and no query is lost.
func TestReloadFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const on = ".:PORT {\n bind 127.0.0.1\n kubernetes cluster.local RECORDS\n whoami\n}\n"
	p := run(t, on)
	load := p.load(t)
	load.More(100)
	for _, bad := range []string{
		".:PORT {\n nonsense\n}\n",
		strings.ReplaceAll(on, "RECORDS", "{\n snapshot missing.yaml\n}"),
		on + fmt.Sprintf(".:%d {\n bind 127.0.0.1\n}\n", taken.Addr().(*net.TCPAddr).Port),
	} {
		if p.reload(bad) == nil {
			t.Fatalf("it is not refused:\n%s", bad)
		}
		before := byLane(t)
		load.More(100)
		if byLane(t) == before {
			t.Error("the lane is off")
		}
	}
	if err := p.reload(on); err != nil {
		t.Fatal(err)
	}
	load.More(100)
	load.End()
}

// TestStopUnderLoad stops CoreDNS as SIGTERM does: whatever was received is answered.
func TestStopUnderLoad(t *testing.T) {
	p := run(t, ".:PORT {\n bind 127.0.0.1\n multisocket 2\n kubernetes cluster.local RECORDS\n whoami\n}\n")
	load := p.load(t)
	load.More(500)
	p.stop()
	load.End()
	if _, err := net.Dial("tcp", p.addr.String()); err == nil {
		t.Error("the port is still open")
	}
}

// TestProgramStays has CoreDNS's main function wait, as it does, while everything shuts down: it must not
// return, which would end the program, before caddy stops the servers itself, and must not wait longer.
func TestProgramStays(t *testing.T) {
	const on = ".:PORT {\n bind 127.0.0.1\n kubernetes cluster.local RECORDS\n whoami\n}\n"
	p := run(t, on)
	testkit.Eventually(t, "CoreDNS's servers run, or stopping them does nothing", func() bool { return p.asks(t, "udp") && p.asks(t, "tcp") })
	if err := p.reload(on); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "so do the new ones", func() bool { return p.asks(t, "udp") && p.asks(t, "tcp") })
	returned := make(chan struct{})
	go func() {
		p.now.Wait()
		close(returned)
	}()
	p.now.ShutdownCallbacks()
	time.Sleep(100 * time.Millisecond) // CoreDNS's sockets are closed, and the main function has time to return
	select {
	case <-returned:
		t.Error("the program has ended")
	default:
	}
	_ = p.now.Stop()
	select {
	case <-returned:
	case <-time.After(testkit.Patience):
		t.Error("the program stays")
	}
}
