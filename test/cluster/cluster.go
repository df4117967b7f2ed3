// Package cluster runs a real Kubernetes control plane for tests: etcd,
// kube-apiserver and the controllers that write EndpointSlices, each a process
// of its own on loopback. There are no nodes, so whoever wants a pod to be
// ready writes its status.
package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The parts of the control plane, as Run, Kill and Signal name them.
const (
	Etcd        = "etcd"
	APIServer   = "kube-apiserver"
	Controllers = "controllers"
)

// Options say how to start a cluster. The zero value suits most tests.
type Options struct {
	// Binary is the path of the test-apiserver binary. Empty stands for Build.
	Binary string
	// NoWatchList makes the API server refuse to stream lists, so that its
	// clients list first and watch then. An informer still gets its first list
	// in one piece, from the watch cache; see APIServerArgs for pages.
	NoWatchList bool
	// AuditLog makes the API server record every request; see Cluster.Audit.
	AuditLog bool
	// APIServerArgs come after the arguments that Start chooses. With
	// --watch-cache=false and NoWatchList, lists come in pages.
	APIServerArgs []string
	// Addresses are more that the API server's certificate is good for. Let it listen there
	// with --bind-address.
	Addresses []net.IP
}

// Cluster is a running control plane. Its methods that start or end parts are
// for one goroutine at a time.
type Cluster struct {
	dir    string
	ca     *authority
	port   int
	args   map[string][]string
	bin    string
	parts  map[string]*process
	config *rest.Config
	client kubernetes.Interface
}

// Start starts a control plane which keeps everything in dir, and returns once
// it answers and its controllers work. The context bounds the start alone;
// Stop ends the cluster, and so does the end of this process on Linux.
func Start(ctx context.Context, dir string, opts Options) (*Cluster, error) {
	if opts.Binary == "" {
		bin, err := Build(ctx)
		if err != nil {
			return nil, err
		}
		opts.Binary = bin
	}
	c, err := prepare(dir, opts)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// start starts all parts. The controllers wait for the API server, because a
// watch that fails at first is tried again ever more slowly.
func (c *Cluster) start(ctx context.Context) error {
	if err := c.Run(Etcd); err != nil {
		return err
	}
	if err := c.Run(APIServer); err != nil {
		return err
	}
	if err := c.WaitReady(ctx); err != nil {
		return err
	}
	if err := c.Run(Controllers); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

// prepare writes all files and chooses all ports, but starts nothing.
func prepare(dir string, opts Options) (*Cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making cluster directory: %w", err)
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, ca: ca, port: ports[1], bin: opts.Binary, parts: map[string]*process{}}
	if err := c.writeFiles(opts.Addresses); err != nil {
		return nil, err
	}
	etcdURL := "http://" + loopback(ports[0])
	c.args = map[string][]string{
		Etcd:        {"--data-dir=" + c.path("etcd"), "--listen-client-url=" + etcdURL},
		APIServer:   c.apiServerArgs(etcdURL, opts),
		Controllers: {"--kubeconfig=" + c.path("controllers.kubeconfig")},
	}
	return c, nil
}

// writeFiles writes the certificates, kubeconfigs and policies, and makes the
// administrator's client.
func (c *Cluster) writeFiles(more []net.IP) error {
	if err := c.writeServerFiles(more); err != nil {
		return err
	}
	config, err := c.ConfigFor("admin", mastersGroup)
	if err != nil {
		return err
	}
	// Tests load thousands of objects.
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making admin client: %w", err)
	}
	c.config, c.client = config, client
	if err := writeKubeconfig(c.Kubeconfig(), config); err != nil {
		return err
	}
	manager, err := c.ConfigFor("system:kube-controller-manager", mastersGroup)
	if err != nil {
		return err
	}
	return writeKubeconfig(c.path("controllers.kubeconfig"), manager)
}

// path is a file of this cluster.
func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

// URL is where the API server listens.
func (c *Cluster) URL() string { return "https://" + loopback(c.port) }

// Client is the administrator's client, without a rate limit.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Config is a copy of the administrator's client configuration.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
