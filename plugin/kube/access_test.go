package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const testKubeconfig = `apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: one, cluster: {server: "https://one.example:6443"}}
- {name: two, cluster: {server: "https://two.example:6443"}}
users:
- {name: u, user: {token: secret}}
contexts:
- {name: one, context: {cluster: one, user: u}}
- {name: two, context: {cluster: two, user: u}}
`

func TestAccess(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(kubeconfig, []byte(testKubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		access Access
		host   string
		token  string
		ca     string
	}{
		{"endpoint", Access{Endpoint: "http://localhost:8080"}, "http://localhost:8080", "", ""},
		{"certificate", Access{Endpoint: "https://a", Cert: "c", Key: "k", CA: "ca"}, "https://a", "", "ca"},
		{"kubeconfig", Access{Kubeconfig: kubeconfig, Endpoint: "http://localhost"}, "https://one.example:6443", "secret", ""},
		{"context", Access{Kubeconfig: kubeconfig, Context: "two"}, "https://two.example:6443", "secret", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.access.QPS, test.access.Burst, test.access.UserAgent = 7, 8, "agent"
			cfg, err := test.access.config()
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Host != test.host || cfg.BearerToken != test.token || cfg.CAFile != test.ca {
				t.Errorf("server %v", cfg)
			}
			if cfg.CertFile != test.access.Cert || cfg.KeyFile != test.access.Key {
				t.Errorf("certificate %q, key %q", cfg.CertFile, cfg.KeyFile)
			}
			if cfg.QPS != 7 || cfg.Burst != 8 || cfg.UserAgent != "agent" || cfg.ContentType != typeProtobuf {
				t.Errorf("client %v", cfg)
			}
		})
	}
}

func TestNoAccess(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	missing := filepath.Join(t.TempDir(), "none")
	tests := []struct {
		name   string
		access Access
		want   string
	}{
		{"nothing", Access{}, "`endpoint URL`"},
		{"no kubeconfig", Access{Kubeconfig: missing}, "reading kubeconfig " + missing},
		{"no certificate", Access{Endpoint: "https://a", Cert: missing, Key: missing, CA: missing}, "client of the Kubernetes API at https://a: "},
		{"bad endpoint", Access{Endpoint: "https://a b"}, "client of the Kubernetes API at https://a b: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(Config{Access: test.access})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestCluster tells clusters apart by the keys of their CA, of which each certificate has one.
func TestCluster(t *testing.T) {
	a, b, c := testCA(t), testCA(t), testCA(t)
	ids := func(pem string) []string {
		file := filepath.Join(t.TempDir(), "ca")
		if err := os.WriteFile(file, []byte(pem), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := New(Config{Access: Access{Endpoint: "https://a.example", CA: file}})
		if err != nil {
			t.Fatal(err)
		}
		return f.Cluster()
	}
	before, during, after, other := ids(a), ids(a+b), ids(b), ids(c)
	if len(before) != 1 || !slices.Equal(during, append(before, after...)) || other[0] == before[0] || !strings.HasPrefix(other[0], "sha256:") {
		t.Errorf("%q, %q, %q, %q", before, during, after, other)
	}
	f, err := New(Config{Access: Access{Endpoint: "http://a.example"}})
	if err != nil || !slices.Equal(f.Cluster(), []string{"http://a.example"}) {
		t.Error(f.Cluster(), err)
	}
}

// testCA returns the certificate of a new CA.
func testCA(t *testing.T) (text string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestNoServiceAccount(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	_, err := Access{}.config()
	if err == nil || !strings.Contains(err.Error(), "reading this Pod's service account") {
		t.Errorf("error %v", err)
	}
}
