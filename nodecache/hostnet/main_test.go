package hostnet

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// The tests change links, addresses and rules of a network namespace of their own.
//
//	Pod N, a child's namespace       the tests' namespace
//	10.N.0.2, fd0N::2  eth0 ------- vethN  10.N.0.1, fd0N::1     neardns0 ...  the addresses

// childEnv makes the test binary a child process of the tests; see child_test.go.
const childEnv = "HOSTNET_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(runChild(os.Getenv(childEnv)))
	}
	netns.Enter(0, "ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0") // Pods speak at once
	code := m.Run()
	for start := time.Now(); code == 0 && left() != ""; time.Sleep(10 * time.Millisecond) { // until goroutines have ended
		if time.Since(start) > testkit.Patience {
			fmt.Println("left behind: " + left())
			code = 1
		}
	}
	os.Exit(code)
}

// left lists the sockets and TUNs that are open, the goroutines that run beside the tests' own, and
// the devices and tables that are left in the namespace.
func left() (found string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		name, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if strings.HasPrefix(name, "socket:") || name == tunPath {
			found += name + " "
		}
	}
	if runtime.NumGoroutine() > 1 {
		stacks := make([]byte, 64<<10)
		found += string(stacks[:runtime.Stack(stacks, true)])
	}
	links, _ := exec.Command("ip", "-o", "link", "show", "type", "tun").Output()
	tables, _ := exec.Command("nft", "list", "tables").Output()
	return found + string(links) + string(tables)
}
