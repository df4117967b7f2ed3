package cluster

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// ServiceCIDRs are the ranges that ClusterIPs come from, IPv4 first. Dynamic
// allocation leaves the first addresses of each alone, so that a test can give
// a DNS service one of those that DNS services customarily have.
//
// Kubernetes counts all ClusterIPs whenever it allocates one: on two cores, the
// first thousand take seconds and 6,000 take two minutes. Services without a
// ClusterIP do not slow down so.
const ServiceCIDRs = "10.96.0.0/12,fd00:10:96::/112"

// advertisedIP is in the endpoint of the Service kubernetes/default. An
// endpoint may not be on loopback, hence this documentation address.
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

// apiServerArgs are the arguments of kube-apiserver; what is not among them is
// as Kubernetes has it by default.
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
