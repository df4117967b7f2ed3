package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

// parentEnv makes this test a process that is to be killed.
const parentEnv = "CLUSTER_TEST_PARENT"

// TestDieWithParent kills a process that has started a child: the child must end too.
func TestDieWithParent(t *testing.T) {
	if os.Getenv(parentEnv) != "" {
		parent(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDieWithParent$")
	cmd.Env = append(os.Environ(), parentEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	waitGone(t, child)
}

// parent starts a child, prints its process number and waits to be killed.
func parent(t *testing.T) {
	p, err := startProcess("sleep", filepath.Join(t.TempDir(), "log"), "60")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(p.cmd.Process.Pid)
	<-p.done
}

// waitGone waits until a process has ended. It may be a zombie, if its new parent has not waited
// for it.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("process %d ends with its parent", pid), func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(stat), ") Z ")
	})
}
