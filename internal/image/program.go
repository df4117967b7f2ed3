// Package image builds the images of the two programs without a container engine. The content of
// an image is a folder first, so that a Dockerfile, an archive and a test all take the same:
//
//	Root     program + users + CA certificates -> build/image/PROGRAM/ARCH/  (make image-root)
//	Image    that folder -> config + a layer: a tar of fixed times, owners and order, so that it
//	         has the same bytes each time
//	Layout   the images of all architectures -> a folder, an OCI image layout
//	Archive  that folder -> one file                                        (make images)
package image

import (
	"archive/tar"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Program is a program that we build an image of.
type Program struct {
	Name        string
	Description string
	User        string // a number, so that a kubelet can see that it is not root
	Ports       []string
	LinkFlags   string // the variable that holds the commit

	// Capability is a capability that the binary's file gives to its process, permitted and
	// effective. A process whose user is not root has no other way to get one. 0 is none.
	Capability uint
}

// netBindService is CAP_NET_BIND_SERVICE of linux/capability.h: it allows ports below 1024.
const netBindService = 10

// The variables that hold the commit.
const (
	coreDNSCommit   = "github.com/coredns/coredns/coremain.GitCommit"
	nodeCacheCommit = "main.gitCommit"
)

// Programs are all programs that we build images of.
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

// xattr is the attribute that holds a file's capabilities, capabilities(7).
const xattr = "security.capability"

// From linux/capability.h: a vfs_cap_data of revision 2, whose capabilities are effective from the
// start.
const (
	revision2 = 0x02000000
	effective = 1
)

// fileCapability returns the value of xattr, or nil.
func (p Program) fileCapability() []byte {
	if p.Capability == 0 {
		return nil
	}
	value := binary.LittleEndian.AppendUint32(nil, revision2|effective)
	value = binary.LittleEndian.AppendUint32(value, 1<<p.Capability) // permitted, of the lower 32
	return append(value, make([]byte, 12)...)                        // inheritable, and the upper 32
}

// setCapability gives a binary of the program the file capability that it has in the image, if any.
// The caller must be root.
func (p Program) setCapability(binary string) error {
	if p.Capability == 0 {
		return nil
	}
	if err := unix.Setxattr(binary, xattr, p.fileCapability(), 0); err != nil {
		return fmt.Errorf("%s: setting its capability: %w", binary, err)
	}
	return nil
}

// mark lets everybody execute the binary, and gives it the capability, whether or not the file in
// the folder has it.
func (p Program) mark(h *tar.Header) {
	if h.Name != p.Name {
		return
	}
	h.Mode = 0o755
	if capability := p.fileCapability(); capability != nil {
		h.PAXRecords = map[string]string{"SCHILY.xattr." + xattr: string(capability)}
	}
}
