package run

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// Process is a running program.
type Process struct {
	Dir string // its own folder, from which it was started

	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Start starts a program in a folder. The end of the test ends it. What it prints goes into a
// log in its folder, except what the command sends elsewhere.
func Start(t testing.TB, cmd *exec.Cmd, dir string) *Process {
	t.Helper()
	p := &Process{Dir: dir, t: t, cmd: cmd, done: make(chan struct{})}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir, cmd.Stdout = dir, log
	if cmd.Stderr == nil {
		cmd.Stderr = log
	}
	err = cmd.Start()
	_ = log.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s logged:\n%s", p, p.Log())
		}
	})
	return p
}

// String returns the program's name.
func (p *Process) String() string { return filepath.Base(p.cmd.Path) }

func (p *Process) logPath() string { return filepath.Join(p.Dir, "log") }

// Log returns what the program has printed.
func (p *Process) Log() string {
	p.t.Helper()
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// Logged returns the lines of the log that contain all parts.
func (p *Process) Logged(parts ...string) (lines []string) {
	p.t.Helper()
line:
	for line := range strings.Lines(p.Log()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue line
			}
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}

// Logs waits for a line that contains all parts, and returns it.
func (p *Process) Logs(parts ...string) string {
	p.t.Helper()
	p.Eventually("it logs "+strings.Join(parts, ", "), func() bool { return len(p.Logged(parts...)) > 0 })
	return p.Logged(parts...)[0]
}

// Answers waits until something answers a query at addr.
func (p *Process) Answers(addr netip.AddrPort) {
	p.t.Helper()
	p.Eventually("it answers at "+addr.String(), func() bool { return anyAnswer(addr) })
}

// Eventually waits for a condition, as testkit.Eventually does. It ends the test early if the
// program ends first.
func (p *Process) Eventually(what string, ok func() bool) {
	p.t.Helper()
	testkit.Eventually(p.t, what, func() bool {
		if ok() {
			return true
		}
		if p.Ended() {
			p.t.Fatalf("%s ended before %s", p, what)
		}
		return false
	})
}

// Signal sends the program a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// child waits until the program has a child, and returns that one's PID.
func (p *Process) child() (pid int) {
	p.t.Helper()
	p.Eventually("it has a child", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.PID()))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

// Ended reports whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stop ends the program as Kubernetes does, with SIGTERM. It must end well. Stop returns how
// long that took.
func (p *Process) Stop() time.Duration {
	p.t.Helper()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(testkit.Patience); code != 0 {
		p.t.Errorf("%s ended with exit code %d after SIGTERM", p, code)
	}
	return time.Since(began)
}

// Wait waits for the program to end by itself and returns its exit code: -1 if a signal ended it.
func (p *Process) Wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Errorf("%s goes on after %v", p, limit)
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the program at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Write writes a file into the program's folder as a ConfigMap's volume does: readers see the
// old text or the new one, never half of it. It returns the file's path.
func (p *Process) Write(name, text string) string { return Write(p.t, p.Dir, name, text) }

// Write is Process.Write for any folder.
func Write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}
