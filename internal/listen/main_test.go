package listen

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails if the tests leave a socket or a goroutine behind.
func TestMain(m *testing.M) {
	if command := os.Getenv(childEnv); command != "" {
		os.Exit(runChild(command))
	}
	code := m.Run()
	for start := time.Now(); code == 0 && left() != ""; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 5*time.Second {
			fmt.Println("left behind: " + left())
			code = 1
		}
	}
	os.Exit(code)
}

// left describes what is open and what runs beside the tests' own goroutine.
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
