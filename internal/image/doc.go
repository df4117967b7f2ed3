// Package image builds the images of the two programs without a container engine. What goes
// into an image is a folder first, so that a Dockerfile, an archive and a test all take the same:
//
//	Root     program + users + CA certificates -> build/image/PROGRAM/ARCH/  (make image-root)
//	Layer    that folder -> a tar of fixed times, owners and order: the same bytes each time
//	Archive  layers + config for each architecture -> an OCI image layout   (make images)
package image

// Program is one that there is an image of.
type Program struct {
	Name        string
	Description string
	User        string // numeric, so that kubelets can see that it is not root
	Ports       []string
	LinkFlags   string // beside those of the version

	// Capability is put on the binary as permitted and effective: a process whose user is not
	// root has no other way to get it. 0 for none.
	Capability uint
}

// netBindService is CAP_NET_BIND_SERVICE of linux/capability.h: ports below 1024.
const netBindService = 10

// commitOf are the variables that hold the commit.
const (
	coreDNSCommit   = "github.com/coredns/coredns/coremain.GitCommit"
	nodeCacheCommit = "main.gitCommit"
)

// Programs are all of them.
var Programs = []Program{
	{
		Name: "coredns", Description: "CoreDNS with the neardns kubernetes plugin", User: "65532:65532",
		Ports: []string{"53/tcp", "53/udp"}, LinkFlags: coreDNSCommit, Capability: netBindService,
	},
	{
		// Capabilities that a Pod adds are effective for root only, so it runs as root with two.
		Name: "nodecache", Description: "a caching DNS resolver for a Kubernetes node", User: "0:0", LinkFlags: nodeCacheCommit,
	},
}
