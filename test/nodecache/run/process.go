package run

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTime is how long a program may take to answer on a busy machine.
const startTime = 20 * time.Second

// endTime is how long a node cache may take to end: lameduck is 0, and a front drains for 5 s
// at most.
const endTime = 10 * time.Second

// Process is a running program.
type Process struct {
	Dir string // its own folder, from which it was started

	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Start runs a program. Its folder and what it prints live as long as the test, which stops it.
// It prints into a log in its folder, but for what the command says goes elsewhere.
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
			t.Logf("%s logged:\n%s", filepath.Base(cmd.Path), p.Log())
		}
	})
	return p
}

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
	p.eventually("it logs "+strings.Join(parts, ", "), func() bool { return len(p.Logged(parts...)) > 0 })
	return p.Logged(parts...)[0]
}

// Answers waits until something answers a query at addr.
func (p *Process) Answers(addr netip.AddrPort) {
	p.t.Helper()
	p.eventually("it answers at "+addr.String(), func() bool { return anyAnswer(addr) })
}

// eventually fails the test if a condition is not met while the program starts, or it ends.
func (p *Process) eventually(what string, ok func() bool) {
	p.t.Helper()
	Eventually(p.t, startTime, what, func() bool {
		if ok() {
			return true
		}
		if p.Ended() {
			p.t.Fatalf("%s ended before %s", filepath.Base(p.cmd.Path), what)
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

// Ended reports whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stop ends the program as Kubernetes does, which must succeed in time, and returns how long
// that took.
func (p *Process) Stop() time.Duration {
	p.t.Helper()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(endTime); code != 0 {
		p.t.Errorf("%s ended with exit code %d after SIGTERM", filepath.Base(p.cmd.Path), code)
	}
	return time.Since(began)
}

// Wait waits for the program to end by itself and returns its exit code, -1 for a signal's.
func (p *Process) Wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Errorf("%s goes on after %v", filepath.Base(p.cmd.Path), limit)
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the program at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Write writes a file into the program's folder as a ConfigMap's volume does, old or new but
// never half, and returns its path.
func (p *Process) Write(name, text string) string { return Write(p.t, p.Dir, name, text) }

// Write writes a file, old or new but never half, and returns its path.
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
