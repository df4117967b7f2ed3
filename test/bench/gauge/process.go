// Package gauge is what both parts of the bench measure with: the processor time and the memory of
// processes, and statistics of figures.
package gauge

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"golang.org/x/sys/unix"
)

// Build builds a package into a file.
func Build(ctx context.Context, file, pkg string) error {
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", file, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Process is a running program.
type Process struct {
	cmd *exec.Cmd
	log string
}

// Start starts a command. The end of the context kills it.
func Start(ctx context.Context, log string, command ...string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &Process{cmd: exec.CommandContext(ctx, command[0], command[1:]...), log: log}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	return p, p.cmd.Start()
}

// Log returns what the program has printed.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop kills the program and waits for its end.
func (p *Process) Stop() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// Memory returns a field of /proc/PID/status, in MB.
func (p *Process) Memory(field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in status", field)
}

// CPU returns the processor time that the process has used: utime and stime of /proc/PID/stat, but
// in nanoseconds instead of ticks of 10 ms. The process has a clock for it, see
// clock_getcpuclockid(3). CPUCLOCK_SCHED of linux/posix-timers_types.h is 2.
func (p *Process) CPU() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|2), &t) // as the kernel defines it
	return time.Duration(t.Nano()), err
}

// FreePort returns a port on which nothing listens.
func FreePort() (int, error) {
	ports, err := testkit.FreePorts(1)
	if err != nil {
		return 0, err
	}
	return int(ports[0]), nil
}
