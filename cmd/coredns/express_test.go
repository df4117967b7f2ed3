package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// cluster is what the servers of TestExpress serve: Services with an address of either family, and a
// headless one.
const cluster = `apiVersion: v1
kind: Namespace
metadata: {name: ns}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: web}
spec: {clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ports: [{name: http, port: 80, protocol: TCP}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: six}
spec: {clusterIP: "64:ff9b::1", clusterIPs: ["64:ff9b::1"], ipFamilies: [IPv6], ports: [{name: http, port: 80, protocol: TCP}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: db}
spec: {clusterIP: None, ports: [{name: sql, port: 5432, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: ns, name: db-1, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: sql, port: 5432, protocol: TCP}]
endpoints: [{addresses: [10.0.0.1], hostname: a}, {addresses: [10.0.0.2], hostname: b}, {addresses: [10.0.0.3], hostname: c}]
`

// questions are what the lane answers: of each kind one, and none twice, as the cache counts a TTL
// down.
var questions = []struct {
	name  string
	types []uint16
}{
	{"web.ns.svc.cluster.local.", []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeHINFO, dns.TypeANY}},
	{"six.ns.svc.cluster.local.", []uint16{dns.TypeA, dns.TypeAAAA}}, // siit makes an A record
	{"_http._tcp.web.ns.svc.cluster.local.", []uint16{dns.TypeSRV}},
	{"db.ns.svc.cluster.local.", []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV}},
	{"a.db.ns.svc.cluster.local.", []uint16{dns.TypeA}},
	{"missing.ns.svc.cluster.local.", []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHINFO}},
	{"web.ns.ns.svc.cluster.local.", []uint16{dns.TypeA}}, // as the search path of a Pod has it
	{"localhost.ns.svc.cluster.local.", []uint16{dns.TypeA}},
	{"cluster.local.", []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeA, dns.TypeDNSKEY}},
	{"1.0.96.10.in-addr.arpa.", []uint16{dns.TypePTR, dns.TypeA}},
	{"9.0.96.10.in-addr.arpa.", []uint16{dns.TypePTR}},
}

// answers starts a server in this process and returns its answers to all questions, as text.
func answers(t *testing.T, file, corefile string) (texts []string) {
	t.Helper()
	addr := testkit.FreeAddr(t)
	inst, err := caddy.Start(caddy.CaddyfileInput{Filepath: file, ServerTypeName: serverType,
		Contents: []byte(strings.ReplaceAll(corefile, "PORT", fmt.Sprint(addr.Port())))})
	if err != nil {
		t.Fatalf("%s\n%v", corefile, err)
	}
	defer func() {
		for _, err := range append(inst.ShutdownCallbacks(), inst.Stop()) {
			if err != nil {
				t.Error(err)
			}
		}
	}()
	c := dns.Client{Timeout: 10 * time.Second, UDPSize: dns.MaxMsgSize}
	for _, q := range questions {
		for _, qtype := range q.types {
			for _, do := range []bool{false, true} {
				m := new(dns.Msg).SetQuestion(q.name, qtype)
				m.SetEdns0(1232, do)
				r, _, err := c.Exchange(m, addr.String())
				if err != nil {
					t.Fatalf("%s\n%s %s: %v", corefile, q.name, dns.TypeToString[qtype], err)
				}
				texts = append(texts, canonical(r))
			}
		}
	}
	return texts
}

// canonical writes a reply, apart from its ID, the order of its records and the serial, which is the
// time.
func canonical(r *dns.Msg) string {
	r.Id = 0
	text := fmt.Sprint(r.Question[0].String(), r.MsgHdr.String())
	for _, section := range [][]dns.RR{r.Answer, r.Ns, r.Extra} {
		var records []string
		for _, rr := range section {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
			records = append(records, rr.String())
		}
		slices.Sort(records)
		text += "\n[" + strings.Join(records, "\n ") + "]"
	}
	return text
}

// express returns what -check says about the lane.
func express(t *testing.T, file, corefile string) string {
	t.Helper()
	var out strings.Builder
	in := caddy.CaddyfileInput{Filepath: file, ServerTypeName: serverType, Contents: []byte(strings.ReplaceAll(corefile, "PORT", "53"))}
	if err := explain(&out, in); err != nil {
		t.Fatalf("%s\n%v", corefile, err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, ": express is ") {
			return line
		}
	}
	t.Fatalf("%s\nsays nothing of the lane: %s", corefile, out.String())
	return ""
}

// TestExpress puts plugins beside kubernetes. Where -check says that the express lane is on, the
// plugin must not change a single answer. Where it says that the lane is off, it must change one.
// `express off` has all answers come through the chain of plugins.
func TestExpress(t *testing.T) {
	const on, off = true, false
	files := map[string]string{
		"records.yaml": cluster,
		"resolv.conf":  "nameserver 127.0.0.1\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\n",
		"hosts":        "192.0.2.1 web.ns.svc.cluster.local\n",
		"db":           "$ORIGIN cluster.local.\n@ 60 IN SOA a b 1 2 3 4 5\nweb.ns.svc 60 IN A 192.0.2.1\n",
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "Corefile")
	block := func(beside, options string) string {
		beside = strings.ReplaceAll(beside, "DIR", dir)
		return "cluster.local:PORT in-addr.arpa:PORT {\n bind 127.0.0.1\n " + beside + "\n kubernetes {\n snapshot records.yaml\n " + options + "\n }\n}\n"
	}
	for _, tt := range []struct {
		beside, options string
		on              bool
	}{
		{"root /", "", on}, {"metadata", "", on}, {"cancel", "", on}, {"timeouts {\n read 3s\n}", "", on}, {"multisocket 2", "", on},
		{"reload", "", on}, {"nsid a", "", on}, {"bufsize 4096", "", on}, {"debug", "", on}, {"ready 127.0.0.1:0", "", on},
		{"health 127.0.0.1:0", "", on}, {"pprof 127.0.0.1:0", "", on}, {"shed", "", on}, {"prometheus 127.0.0.1:0", "", on},
		{"errors", "", on}, {"chaos a b", "", on}, {"transfer {\n to *\n}", "", on}, {"on startup true", "", on},
		{"quic {\n max_streams 1\n}", "", on}, {"grpc_server {\n max_streams 1\n}", "", on}, {"https {\n max_connections 1\n}", "", on},
		{"https3 {\n max_streams 1\n}", "", on},
		{"log . {\n class error\n}", "", on},
		{"loop", "", on}, {"forward . 127.0.0.1:9", "", on}, {"grpc . 127.0.0.1:9", "", on}, {"erratic", "", on}, {"whoami", "", on},
		{"file DIR/db cluster.local", "", on}, {"auto {\n directory DIR\n}", "", on},
		{"loadbalance", "", on},

		{"cache", "", on}, {"cache 30", "ttl 30", on}, {"cache 30 {\n disable success\n disable denial\n}", "ttl 60", off},
		{"cache", "ttl 2", off}, {"cache {\n success 9984 3600 0\n denial 9984 3600 0\n}", "ttl 0", on}, {"cache {\n denial 9984 299\n}", "ttl 3600", off},
		{"cache 1 example.org", "ttl 30", on},

		{"local", "", off}, {"any", "", off}, {"dns64 {\n allow_ipv4\n}", "", off}, {"siit", "", off}, {"minimal", "", off},
		{"rewrite name web.ns.svc.cluster.local db.ns.svc.cluster.local", "", off},
		{"header {\n response set ra\n}", "", off},
		{"autopath DIR/resolv.conf", "", off}, {"autopath example.org DIR/resolv.conf", "", on},
		{"acl {\n block type A\n}", "", off}, {"acl example.org {\n block\n}", "", on},
		{"template IN AAAA {\n rcode NXDOMAIN\n}", "", off}, {"template IN ANY example.org {\n rcode REFUSED\n}", "", on},
		{"hosts DIR/hosts {\n fallthrough\n}", "", off}, {"hosts DIR/hosts example.org {\n no_reverse\n}", "", on},
		{"hosts DIR/hosts example.org {\n 10.96.0.1 a.example.org\n}", "", off}, // it answers at a reverse name
		{"tsig {\n secret a. MTIzNDU2Nzg=\n require all\n}", "", off},
		{"view v {\n expr false\n}", "", off},
	} {
		t.Run(strings.Join(strings.Fields(tt.beside+" "+tt.options), " "), func(t *testing.T) {
			if said := express(t, file, block(tt.beside, tt.options)); strings.Contains(said, ": express is on for ") != tt.on {
				t.Error(said)
			}
			without := answers(t, file, block("", "express off\n"+tt.options))
			with := answers(t, file, block(tt.beside, "express off\n"+tt.options))
			if !tt.on && slices.Equal(with, without) {
				t.Error("it changes no answer")
			}
			for i := range with {
				if tt.on && with[i] != without[i] {
					t.Errorf("%s\nwithout it:\n%s", with[i], without[i])
				}
			}
		})
	}
}

// TestShipped shows that the lane is on with the Corefiles that come with the program.
func TestShipped(t *testing.T) {
	example := "../../corefile.example"
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("../../manifests/coredns/configmap.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, corefile, found := strings.Cut(string(manifest), "  Corefile: |\n")
	if !found {
		t.Fatalf("no Corefile in %s", manifest)
	}
	t.Setenv("CLUSTER_DOMAIN", "cluster.local")
	for file, text := range map[string]string{example: string(text), "Corefile": corefile} {
		if said := express(t, file, text); !strings.Contains(said, ": express is on for ") {
			t.Error(said)
		}
	}
}
