// Package cluster runs a real Kubernetes control plane for tests: etcd,
// kube-apiserver and the controllers that write EndpointSlices, each in a
// process of its own, on loopback. There are no nodes, so a test that wants a
// Pod to be ready writes the Pod's status.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
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
	// Binary is the path of the test-apiserver binary; empty: Build's.
	Binary string
	// NoWatchList makes the API server refuse to stream lists, so that clients
	// list first and then watch. An informer still gets its first list in one
	// piece, from the watch cache; see APIServerArgs for pages.
	NoWatchList bool
	// AuditLog makes the API server record every request; see Cluster.Audit.
	AuditLog bool
	// APIServerArgs come after the arguments that Start chooses. With
	// --watch-cache=false and NoWatchList, lists come in pages.
	APIServerArgs []string
	// Addresses are addresses besides loopback for which the API server's
	// certificate is valid. With --bind-address it listens there.
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

// Start starts a control plane that keeps everything in dir, and returns once
// it answers and its controllers work. The context bounds the start only. Stop
// ends the cluster; so does, on Linux, the end of this process.
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
	ports, err := testkit.FreePorts(2)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, ca: ca, port: int(ports[1]), bin: opts.Binary, parts: map[string]*process{}}
	if err := c.writeFiles(opts.Addresses); err != nil {
		return nil, err
	}
	etcdURL := "http://" + loopback(int(ports[0]))
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

const (
	// pollInterval is how often a condition is looked at.
	pollInterval = 50 * time.Millisecond
	// readyTimeout ends a request that an API server leaves open while it starts
	// or stops.
	readyTimeout = 5 * time.Second
	// tailSize is how much of a log an error shows.
	tailSize = 4 << 10
)

// Run starts a part that is not running, with the arguments and the port it
// had before. It does not wait until the part is ready.
func (c *Cluster) Run(part string) error {
	args, ok := c.args[part]
	if !ok {
		return fmt.Errorf("no part named %q", part)
	}
	if p := c.parts[part]; p != nil && p.running() {
		return fmt.Errorf("%s runs already", part)
	}
	p, err := startProcess(c.bin, c.LogFile(part), append([]string{part}, args...)...)
	if err != nil {
		return fmt.Errorf("starting %s: %w", part, err)
	}
	c.parts[part] = p
	return nil
}

// Kill kills a part and returns when it is gone.
func (c *Cluster) Kill(part string) {
	if p := c.parts[part]; p != nil {
		p.kill()
	}
}

// Signal sends a signal to a part. SIGSTOP, for example, makes it hang until
// SIGCONT.
func (c *Cluster) Signal(part string, sig os.Signal) error {
	p := c.parts[part]
	if p == nil {
		return fmt.Errorf("%s was never started", part)
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signalling %s: %w", part, err)
	}
	return nil
}

// KillAPIServer kills the API server and returns when it is gone.
func (c *Cluster) KillAPIServer() { c.Kill(APIServer) }

// StartAPIServer starts a killed API server on the port it had. Call WaitReady
// to wait for it.
func (c *Cluster) StartAPIServer() error { return c.Run(APIServer) }

// Stop kills all parts. Nothing is shut down in order, since the data is not
// needed any more.
func (c *Cluster) Stop() {
	for _, part := range []string{Controllers, APIServer, Etcd} {
		c.Kill(part)
	}
}

// WaitReady returns once the API server is ready and, if the controllers run,
// they have created what every namespace has. It fails early if a part has died.
func (c *Cluster) WaitReady(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		if part := c.dead(); part != "" {
			return false, fmt.Errorf("%s exited: %v\n%s", part, c.parts[part].err, c.Tail(part))
		}
		return c.ready(ctx) == nil, nil
	})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("waiting for cluster: %w\n%s", err, c.Tail(APIServer))
	}
	return err
}

// dead names a part that ended although we did not kill it.
func (c *Cluster) dead() string {
	for part, p := range c.parts {
		if !p.running() && !p.killed {
			return part
		}
	}
	return ""
}

// ready asks once whether the cluster is ready.
func (c *Cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	if p := c.parts[Controllers]; p == nil || !p.running() {
		return nil
	}
	// The API server refuses a Pod whose service account does not exist.
	_, err := c.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// CreateNamespace creates a namespace and waits until Pods can be created in it.
func (c *Cluster) CreateNamespace(ctx context.Context, name string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := c.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating namespace %s: %w", name, err)
	}
	return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		_, err := c.client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// LogFile is the file that a part writes its log to, in all of its runs.
func (c *Cluster) LogFile(part string) string { return c.path(part + ".log") }

// Tail is the end of a part's log.
func (c *Cluster) Tail(part string) string {
	text, err := os.ReadFile(c.LogFile(part))
	if err != nil {
		return err.Error()
	}
	if len(text) > tailSize {
		text = text[len(text)-tailSize:]
	}
	return fmt.Sprintf("--- %s\n%s", part, strings.TrimSpace(string(text)))
}

// ServiceCIDRs are the ranges that ClusterIPs come from, IPv4 first. The API
// server does not pick from the first addresses of each by itself, so a test can
// give a DNS Service the address that such Services usually have.
//
// Kubernetes counts all ClusterIPs whenever it allocates one: on two cores, the
// first thousand take seconds, and 6,000 take two minutes. Services without a
// ClusterIP do not slow it down.
const ServiceCIDRs = "10.96.0.0/12,fd00:10:96::/112"

// advertisedIP is in the endpoint of the Service kubernetes/default. An
// endpoint can't be on loopback, so this is an address for documentation (RFC
// 5737).
const advertisedIP = "192.0.2.1"

// maxInflight is more requests than a test has at a time.
const maxInflight = 10000

// auditPolicy records who asked for what, but not the objects.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// apiServerArgs are the arguments of kube-apiserver. All else has Kubernetes'
// defaults.
func (c *Cluster) apiServerArgs(etcd string, opts Options) []string {
	args := []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.port),
		"--advertise-address=" + advertisedIP,
		"--service-cluster-ip-range=" + ServiceCIDRs,
		"--authorization-mode=RBAC",
		"--client-ca-file=" + c.path("ca.crt"),
		"--tls-cert-file=" + c.path("server.crt"),
		"--tls-private-key-file=" + c.path("server.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("service-account.key"),
		"--service-account-signing-key-file=" + c.path("service-account.key"),
		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=" + strconv.Itoa(maxInflight),
		"--max-mutating-requests-inflight=" + strconv.Itoa(maxInflight),
		"--profiling=false",
	}
	if opts.NoWatchList {
		args = append(args, "--feature-gates=WatchList=false")
	}
	if opts.AuditLog {
		args = append(args,
			"--audit-policy-file="+c.path("audit-policy.yaml"),
			"--audit-log-path="+c.auditFile())
	}
	return append(args, opts.APIServerArgs...)
}

// writeServerFiles writes the files that apiServerArgs name.
func (c *Cluster) writeServerFiles(more []net.IP) error {
	cert, key, err := c.ca.server(more)
	if err != nil {
		return err
	}
	_, accounts, err := newKey()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"ca.crt":              c.ca.pem,
		"server.crt":          cert,
		"server.key":          key,
		"service-account.key": accounts,
		"audit-policy.yaml":   []byte(auditPolicy),
	}
	for name, content := range files {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			return fmt.Errorf("writing server files: %w", err)
		}
	}
	return nil
}
