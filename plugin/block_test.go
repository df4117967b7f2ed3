package kubernetes

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/neardns/neardns/plugin/zone"
)

func read(corefile string) (*config, error) {
	c := caddy.NewTestController("dns", corefile)
	c.ServerBlockKeys = []string{"cluster.local.", "10.in-addr.arpa."}
	return parse(c)
}

func TestParse(t *testing.T) {
	cfg, err := read(`kubernetes a.local b.local in-addr.arpa {
		endpoint http://localhost:8080 http://ignored
		tls cert key ca
		kubeconfig file context
		apiserver_qps 1.5
		apiserver_burst 2
		apiserver_max_inflight 3
		namespaces one two
		namespaces three
		labels environment in (staging, qa),application=nginx
		pods verified
		endpoint_pod_names
		ttl 30
		fallthrough in-addr.arpa
		ignore empty_service
		multicluster b.local
		zonal
		serving_endpoints
		explain off
		startup_timeout 1m
		resync 1h
	}`)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(cfg.zones, cfg.multicluster, cfg.namespaces, cfg.labels, cfg.podNames, cfg.ttl, cfg.fallthroughZones, cfg.names, cfg.startupTimeout, cfg.resync)
	want := "[a.local. b.local. in-addr.arpa.] [b.local.] [one two three] application=nginx,environment in (qa,staging) " +
		"true 30 [in-addr.arpa.] {2 true true false false true true} 1m0s 1h0m0s"
	if got != want || !cfg.explainOff {
		t.Errorf("explain off %v,\n got %s\nwant %s", cfg.explainOff, got, want)
	}
	if a := cfg.access; a.Endpoint != "http://localhost:8080" || a.Cert != "cert" || a.Key != "key" || a.CA != "ca" ||
		a.Kubeconfig != "file" || a.Context != "context" || a.QPS != 1.5 || a.Burst != 2 || a.MaxInflight != 3 {
		t.Errorf("access %+v", a)
	}
}

func TestParseDefaults(t *testing.T) {
	cfg, err := read("kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(cfg.zones, cfg.ttl, cfg.startupTimeout, cfg.resync, cfg.names); got != "[cluster.local. 10.in-addr.arpa.] 5 5s 5m0s {0 false false false false false false}" {
		t.Error(got)
	}
}

// TestParseSome tells the store what the block leaves out, so that nothing proves what is left out.
func TestParseSome(t *testing.T) {
	for option, want := range map[string]zone.Options{
		"namespace_labels a=b": {SomeNamespaces: true},
		"labels a=b":           {SomeServices: true},
		"noendpoints":          {NoEndpoints: true},
		"namespaces a":         {},
	} {
		cfg, err := read("kubernetes {\n" + option + "\n}")
		if err != nil {
			t.Fatal(err)
		}
		if cfg.names != want {
			t.Errorf("%s: %+v", option, cfg.names)
		}
	}
}

// TestResyncOff switches the comparison off.
func TestResyncOff(t *testing.T) {
	if cfg, err := read("kubernetes {\n resync off\n}"); err != nil || cfg.resync != 0 {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// TestSnapshotPath shows that a relative path starts at the Corefile's directory.
func TestSnapshotPath(t *testing.T) {
	cfg, err := read("kubernetes { \n snapshot sub/cluster.yaml\n}")
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(cfg.snapshot) || filepath.Base(filepath.Dir(cfg.snapshot)) != "sub" {
		t.Error(cfg.snapshot)
	}
}

// TestSnapshotKeep reads a snapshot beside an API server.
func TestSnapshotKeep(t *testing.T) {
	cfg, err := read("kubernetes {\n endpoint http://a\n snapshot /f keep\n}")
	if err != nil || cfg.snapshot != "/f" || !cfg.keep || cfg.origin.line != 2 {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// TestParseMistakes shows that the error for each mistake names its line and what was expected.
func TestParseMistakes(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"nonsense", "unknown property 'nonsense': expected one of apiserver_burst, apiserver_max_inflight,"},
		{"upstream", "unknown property 'upstream': it is gone"},
		{"express on", "Testfile:2 - Error during parsing: express on: the express lane is on by itself, unless a plugin beside us has to see the queries; expected 'express off'"},
		{"express", "Wrong argument count after 'express': expected 'express off', got 0"},
		{"resync 5", "resync 5: expected off, or a duration of at least 1s, such as 5m0s"},
		{"resync 1ms", "expected off, or a duration of at least 1s"},
		{"resyncperiod 5m", "unknown property 'resyncperiod': it is gone"},
		{"transfer to *", "unknown property 'transfer': it is gone; since CoreDNS 1.8 the transfer plugin does it"},
		{"ttl 5 6", "Wrong argument count after 'ttl': expected 'ttl TTL', got 2"},
		{"startup_timeout 1s 2s", "expected 'startup_timeout DURATION', got 2"},
		{"pods verified insecure", "expected 'pods disabled|insecure|verified', got 2"},
		{"zonal yes", "expected 'zonal', got 1"},
		{"multicluster", "expected 'multicluster ZONES...', got 0"},
		{"multicluster a..b", `"a..b" is not a zone`},
		{"fallthrough a..b", `"a..b" is not a zone`},
		{"fallthrough 10.96.0.0/40", "10.96.0.0/40 is not a network: expected a length of 0 to 32"},
		{"snapshot f\nsnapshot f", "snapshot appears twice"},
		{"fallthrough {", "unexpected '{' after 'fallthrough'"},
		{"zonal\n{", "unexpected '{'"},
		{"pods", "Wrong argument count"},
		{"pods some", "must be one of: disabled, verified, insecure"},
		{"endpoint", "Wrong argument count"},
		{"tls a b", "Wrong argument count"},
		{"kubeconfig", "Wrong argument count"},
		{"kubeconfig a b c", "Wrong argument count"},
		{"namespaces", "Wrong argument count"},
		{"labels", "Wrong argument count"},
		{"labels a in (", "unable to parse label selector value"},
		{"namespace_labels a in (", "unable to parse namespace_label selector value"},
		{"namespaces a\nnamespace_labels b=c", "cannot both be set"},
		{"ttl", "Wrong argument count"},
		{"ttl x", "ttl must be in range [0, 3600]"},
		{"ttl 3601", "ttl must be in range [0, 3600]"},
		{"ttl -1", "ttl must be in range [0, 3600]"},
		{"noendpoints x", "Wrong argument count"},
		{"endpoint_pod_names x", "Wrong argument count"},
		{"zonal x", "Wrong argument count"},
		{"zonal\nnoendpoints", "remove noendpoints"},
		{"ignore", "expected 'ignore empty_service', got 0"},
		{"ignore x", "expected empty_service"},
		{"multicluster other.local", "not authoritative for the multicluster zone other.local."},
		{"startup_timeout", "Wrong argument count"},
		{"startup_timeout x", "expected a duration"},
		{"startup_timeout -1s", "expected a duration"},
		{"apiserver_qps x", "expected a number >= 0"},
		{"apiserver_qps NaN", "expected a number >= 0"},
		{"apiserver_qps -1", "expected a number >= 0"},
		{"apiserver_burst x", "invalid apiserver_burst"},
		{"apiserver_max_inflight -1", "invalid apiserver_max_inflight"},
		{"apiserver_max_inflight", "Wrong argument count"},
		{"snapshot", "Wrong argument count"},
		{"snapshot f keep x", "expected 'snapshot FILE [keep]', got 3"},
		{"snapshot f keepp", "expected 'snapshot FILE', which serves the file, or 'snapshot FILE keep'"},
		{"snapshot f keep\nsnapshot g", "snapshot appears twice"},
		{"snapshot f\nendpoint u", "endpoint is about the API server"},
		{"snapshot f\nkubeconfig u", "kubeconfig is about the API server"},
		{"snapshot f\napiserver_qps 1", "apiserver_qps is about the API server"},
	} {
		_, err := read("kubernetes {\n" + tt.body + "\n}")
		line := fmt.Sprintf("Testfile:%d -", 2+strings.Count(tt.body, "\n"))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v; want %s and %q", tt.body, err, line, tt.want)
		}
	}
	if _, err := read("kubernetes\nkubernetes"); err == nil || !strings.Contains(err.Error(), "once") {
		t.Errorf("two blocks: %v", err)
	}
	for zones, want := range map[string]string{
		"cluster.local\n{\nttl 5\n}": "Testfile:2 - Error during parsing: '{' belongs at the end of the line of kubernetes",
		"10.96.0.0/40":               "10.96.0.0/40 is not a network: expected a length of 0 to 32",
		"cluster.local fd00::/129":   "fd00::/129 is not a network: expected a length of 0 to 128",
		"cluster.local a..b":         `"a..b" is not a zone`,
		strings.Repeat(strings.Repeat("z", 63)+".", 3) + strings.Repeat("z", 60): "is too long",
	} {
		if _, err := read("kubernetes " + zones); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", zones, err, want)
		}
	}
	for _, zones := range []string{"10.in-addr.arpa", "in-addr.arpa ip6.arpa"} {
		if _, err := read("kubernetes " + zones); err == nil || !strings.Contains(err.Error(), "non-reverse zone") {
			t.Errorf("%s: %v", zones, err)
		}
	}
}

// TestParseWarnings shows what is accepted, as by the stock plugin, but with a warning.
func TestParseWarnings(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"fallthrough not a zone", "Testfile:2: fallthrough has no effect for not. a. zone.: no zone of this block is above or below (cluster.local. 10.in-addr.arpa.)"},
		{"fallthrough a.cluster.local arpa", ""},
		{"fallthrough", ""},
		{"ttl 5\nttl 6", "Testfile:3: ttl appears twice: the last one counts"},
		{"pods insecure\npods verified", "Testfile:3: pods appears twice: the last one counts"},
		{"namespaces a\nnamespaces b", ""},
		{"zonal\nzonal", ""},
		{"endpoint a b", "Testfile:2: Multiple endpoints have been deprecated"},
	} {
		cfg, err := read("kubernetes {\n" + tt.body + "\n}")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(cfg.warnings, "; ")
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%q: %q, want %q", tt.body, got, tt.want)
		}
	}
}
