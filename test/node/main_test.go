package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/manifests"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// confineEnv makes the test binary a node cache with few rights; see confine_test.go.
const confineEnv = "NODE_TEST_CONFINE"

// The programs.
var coredns, kubernetes string

func TestMain(m *testing.M) {
	manifests.Enter()
	if os.Getenv(confineEnv) != "" {
		fmt.Fprintln(os.Stderr, confine(os.Getenv(confineEnv), os.Args[1:]))
		os.Exit(1)
	}
	netns.Enter(syscall.CLONE_NEWNS, `mount --make-rprivate /
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0`)
	if err := prepare(); err != nil {
		fmt.Println("tests of the node:", err)
		os.Exit(1)
	}
	os.Exit(run.Main(m, false))
}

// prepare finds the programs, and builds those that it doesn't find.
func prepare() (err error) {
	for _, name := range []string{"ip", "nft", "conntrack", "iptables", "dig", "getent", "nsenter", "ss"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w (Debian: iproute2 nftables conntrack iptables bind9-dnsutils libc-bin util-linux)", err)
		}
	}
	_ = os.Setenv("CGO_ENABLED", "0") // a folder that a process has for its root has no C library
	if coredns, err = run.Build(context.Background(), run.OurCoreDNS); err != nil {
		return err
	}
	kubernetes, err = cluster.Build(context.Background())
	return err
}
