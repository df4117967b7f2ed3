package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.path("admin.kubeconfig") }

// ConfigFor is the client configuration of a user. The user may do what RBAC
// grants to that name and those groups: nothing, at first. A service account's name is
// system:serviceaccount:<namespace>:<name>.
func (c *Cluster) ConfigFor(user string, groups ...string) (*rest.Config, error) {
	cert, key, err := c.ca.user(user, groups)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: c.URL(),
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   c.ca.pem,
			CertData: cert,
			KeyData:  key,
		},
	}, nil
}

// KubeconfigFor writes what ConfigFor returns into a file and returns its path.
func (c *Cluster) KubeconfigFor(user string, groups ...string) (string, error) {
	config, err := c.ConfigFor(user, groups...)
	if err != nil {
		return "", err
	}
	path := c.path("user-" + url.PathEscape(user) + ".kubeconfig")
	return path, writeKubeconfig(path, config)
}

// writeKubeconfig writes a client configuration as a file of one context.
func writeKubeconfig(path string, config *rest.Config) error {
	const name = "test"
	file := api.NewConfig()
	file.Clusters[name] = &api.Cluster{
		Server:                   config.Host,
		CertificateAuthorityData: config.CAData,
	}
	file.AuthInfos[name] = &api.AuthInfo{
		ClientCertificateData: config.CertData,
		ClientKeyData:         config.KeyData,
	}
	file.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	file.CurrentContext = name
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		return fmt.Errorf("writing kubeconfig: %w", err)
	}
	return nil
}

// Request is one request that the API server got.
type Request struct {
	User      string
	UserAgent string
	// Verb is the verb of RBAC: get, list, watch, create and so on.
	Verb string
	// Resource and Group say what was asked for. Both are empty for a request
	// such as /readyz.
	Resource, Subresource, Group string
	Namespace, Name              string
	// URI is the path with its parameters.
	URI string
	// Code is the HTTP status of the response.
	Code int
}

// event is what Request needs of a line of the audit log.
type event struct {
	AuditID    string
	Verb       string
	UserAgent  string
	RequestURI string
	User       struct{ Username string }
	ObjectRef  struct {
		Resource, Subresource, APIGroup string
		Namespace, Name                 string
	}
	ResponseStatus struct{ Code int }
}

// auditFile is where the API server writes its audit log.
func (c *Cluster) auditFile() string { return c.path("audit.log") }

// Audit lists the requests of a user in the order in which they were answered.
// A watch counts as answered when it starts. It needs Options.AuditLog.
func (c *Cluster) Audit(user string) ([]Request, error) {
	file, err := os.Open(c.auditFile())
	if err != nil {
		return nil, fmt.Errorf("opening audit log: %w", err)
	}
	defer func() { _ = file.Close() }()

	var requests []Request
	seen := map[string]bool{} // a watch is logged again when it ends
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return requests, nil // without a line that is still being written
		}
		if err != nil {
			return nil, fmt.Errorf("reading audit log: %w", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("parsing audit log: %w", err)
		}
		if e.User.Username == user && !seen[e.AuditID] {
			seen[e.AuditID] = true
			requests = append(requests, e.request())
		}
	}
}

func (e *event) request() Request {
	return Request{
		User:        e.User.Username,
		UserAgent:   e.UserAgent,
		Verb:        e.Verb,
		Resource:    e.ObjectRef.Resource,
		Subresource: e.ObjectRef.Subresource,
		Group:       e.ObjectRef.APIGroup,
		Namespace:   e.ObjectRef.Namespace,
		Name:        e.ObjectRef.Name,
		URI:         e.RequestURI,
		Code:        e.ResponseStatus.Code,
	}
}
