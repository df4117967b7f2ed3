package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/neardns/neardns/test/differential/ask"
)

// startup is how long a server may take to have all objects.
const startup = 90 * time.Second

// Process is a running CoreDNS.
type Process struct {
	cmd  *exec.Cmd
	done chan error
	log  string
}

// Start runs a program with a Corefile in a folder of its own, and waits until
// it answers at every port.
func Start(ctx context.Context, binary, folder, corefile string, ports []int) (*Process, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Corefile"), []byte(corefile), 0o644); err != nil {
		return nil, fmt.Errorf("writing the Corefile: %w", err)
	}
	p := &Process{log: filepath.Join(folder, "log"), done: make(chan error, 1)}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	defer log.Close()
	p.cmd = exec.Command(binary, "-conf", "Corefile", "-quiet")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = folder, log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	if err := p.wait(ctx, ports); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%w\n%s", err, p.Log())
	}
	return p, nil
}

// wait asks at each port until an answer comes. The programs listen only when
// they have all objects.
func (p *Process) wait(ctx context.Context, ports []int) error {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	for _, port := range ports {
		for !answers(port) {
			select {
			case err := <-p.done:
				p.done <- err
				return fmt.Errorf("server ended: %w", errors.Join(err, os.ErrProcessDone))
			case <-ctx.Done():
				return fmt.Errorf("no answer at port %d: %w", port, ctx.Err())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

func answers(port int) bool {
	c := ask.NewClient(Address(port), 200*time.Millisecond)
	defer c.Close()
	a, err := c.Ask(ask.Question{Name: "cluster.local.", Type: 6})
	return err == nil && !a.Silent
}

// Address is where a server on this machine listens.
func Address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Log is the last of what the server wrote.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// Stop ends the server.
func (p *Process) Stop() {
	p.cmd.Process.Kill()
	p.done <- <-p.done
}
