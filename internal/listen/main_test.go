package listen

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// TestMain fails if the tests leave a socket or a goroutine behind.
func TestMain(m *testing.M) {
	if command := os.Getenv(childEnv); command != "" {
		os.Exit(runChild(command))
	}
	code := m.Run()
	// A goroutine that has been joined may still be on its way out. Nothing tells when it is gone.
	for start := time.Now(); code == 0 && left() != ""; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > testkit.Patience {
			fmt.Println("left behind: " + left())
			code = 1
		}
	}
	os.Exit(code)
}

// left describes the sockets that are open, and the goroutines besides the tests' own.
func left() (found string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if name, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(name, "socket:") {
			found += name + " "
		}
	}
	if runtime.NumGoroutine() > 1 {
		stacks := make([]byte, 64<<10)
		found += string(stacks[:runtime.Stack(stacks, true)])
	}
	return found
}
