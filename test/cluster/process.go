package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
)

// process is one child, whose output is appended to a log file.
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
		// To Linux, the parent is the thread that forked. It stays as long as
		// the child, then.
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

// running tells whether the child has not ended yet.
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

// The ports to choose from lie below those that systems give to outgoing
// connections: no client may take the port of an API server that was killed and
// is to come back.
const (
	firstPort = 20000
	lastPort  = 32000
	portTries = 100
)

// freePorts finds n loopback ports on which nobody listens.
func freePorts(n int) ([]int, error) {
	var ports []int
	var last error
	for range portTries {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			last = err
			continue
		}
		// Not before all are found: they have to differ.
		defer func() { _ = l.Close() }()
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("finding %d free ports: %w", n, last)
}
