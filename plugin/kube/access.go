package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // for kubeconfig files
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
)

// Access says how to reach the API server. The zero value is for a Pod: it takes the server and
// the credentials that Kubernetes gives to each Pod.
type Access struct {
	Endpoint      string // URL of the server
	Cert, Key, CA string // files of a TLS client certificate, its key, and the server's CA
	Kubeconfig    string // file; it goes before Endpoint
	Context       string // of the kubeconfig; its current one if empty

	QPS         float32 // requests per second, 0 for client-go's default; watches are not limited
	Burst       int     // requests at once, 0 for client-go's default
	MaxInflight int     // requests that wait for the head of a response, 0 for any number
	UserAgent   string  // client-go's if empty
}

// The media types of objects: protobuf for core objects, JSON for custom ones. Protobuf takes less
// time and memory to decode. A server that has no protobuf for a resource sends JSON.
const (
	typeJSON     = "application/json"
	typeProtobuf = "application/vnd.kubernetes.protobuf"
)

var errNoServer = errors.New("no Kubernetes API server is known, as this is not a Pod of a cluster " +
	"(KUBERNETES_SERVICE_HOST is not set): name a server with `endpoint URL` or `kubeconfig FILE`, " +
	"or serve a file with `snapshot FILE`")

// config returns the configuration of a client.
func (a Access) config() (*rest.Config, error) {
	cfg, err := a.server()
	if err != nil {
		return nil, err
	}
	cfg.ContentType = typeProtobuf
	cfg.AcceptContentTypes = typeProtobuf + "," + typeJSON
	if a.UserAgent != "" {
		cfg.UserAgent = a.UserAgent
	}
	if a.QPS > 0 {
		cfg.QPS = a.QPS
	}
	if a.Burst > 0 {
		cfg.Burst = a.Burst
	}
	return cfg, nil
}

// server returns where the server is, and our credentials.
func (a Access) server() (*rest.Config, error) {
	switch {
	case a.Kubeconfig != "":
		return a.kubeconfig()
	case a.Endpoint != "":
		return &rest.Config{
			Host:            a.Endpoint,
			TLSClientConfig: rest.TLSClientConfig{CertFile: a.Cert, KeyFile: a.Key, CAFile: a.CA},
		}, nil
	}
	cfg, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, errNoServer
	}
	if err != nil {
		return nil, fmt.Errorf("reading this Pod's service account: %w", err)
	}
	return cfg, nil
}

func (a Access) kubeconfig() (*rest.Config, error) {
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: a.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: a.Context},
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %s: %w", a.Kubeconfig, err)
	}
	return cfg, nil
}

// identity returns what tells the server's cluster from others, before the server answers: the
// fingerprints of the keys of its CA's certificates, of which a renewed CA keeps one for a while, or
// the server's URL if its CA is not its cluster's own.
func identity(cfg *rest.Config) ([]string, error) {
	pem := cfg.CAData
	if len(pem) == 0 && cfg.CAFile != "" {
		var err error
		if pem, err = os.ReadFile(cfg.CAFile); err != nil {
			return nil, err
		}
	}
	certs, err := cert.ParseCertsPEM(pem)
	if err != nil {
		return []string{cfg.Host}, nil
	}
	var ids []string
	for _, c := range certs {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		ids = append(ids, "sha256:"+hex.EncodeToString(sum[:]))
	}
	return ids, nil
}
