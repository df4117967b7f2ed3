package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// process is a child process. Its output is appended to a log file.
type process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	err    error         // how it ended; read after done
	killed bool          // by us
}

// startProcess starts a child that dies with this process.
func startProcess(bin, logFile string, args ...string) (*process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)

	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// For Linux, the parent of a process is the thread that forked it. So
		// that thread has to stay for as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	return p, <-started
}

// running reports whether the child still runs.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the child and waits until it is gone.
func (p *process) kill() {
	p.killed = true
	// The only possible error is that it has ended already.
	_ = p.cmd.Process.Kill()
	<-p.done
}
