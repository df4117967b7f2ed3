package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// pollInterval is how often a condition is looked at.
	pollInterval = 50 * time.Millisecond
	// probeTimeout ends a probe that an API server on its way down or up keeps
	// open.
	probeTimeout = 5 * time.Second
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

// Kill kills a part outright and returns when it is gone.
func (c *Cluster) Kill(part string) {
	if p := c.parts[part]; p != nil {
		p.kill()
	}
}

// Signal sends a signal to a part: SIGSTOP, for one, makes it hang until
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

// KillAPIServer kills the API server outright and returns when it is gone.
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

// WaitReady returns once the API server is ready and the controllers, if they
// run, have made what every namespace has. It fails early if a part has died.
func (c *Cluster) WaitReady(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		if part := c.dead(); part != "" {
			return false, fmt.Errorf("%s exited: %v\n%s", part, c.parts[part].err, c.Tail(part))
		}
		return c.probe(ctx) == nil, nil
	})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("waiting for cluster: %w\n%s", err, c.Tail(APIServer))
	}
	return err
}

// dead names a part that ended without being killed by us.
func (c *Cluster) dead() string {
	for part, p := range c.parts {
		if !p.running() && !p.killed {
			return part
		}
	}
	return ""
}

// probe asks once whether the cluster is ready.
func (c *Cluster) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if err := c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	if p := c.parts[Controllers]; p == nil || !p.running() {
		return nil
	}
	// A pod without its service account would be refused.
	_, err := c.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// CreateNamespace creates a namespace and waits until pods can be created in it.
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

// LogFile is where a part writes its log, across restarts.
func (c *Cluster) LogFile(part string) string { return c.path(part + ".log") }

// Tail is the last of a part's log.
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
