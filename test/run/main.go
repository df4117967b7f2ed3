// Command run starts CoreDNS with the example Corefile, shows what to ask it, and goes on
// until it is interrupted: `make run`.
//
//	run <CoreDNS binary> <Corefile>
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: run <CoreDNS binary> <Corefile>")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		return 1
	}
	return 0
}

// serve runs the server until ctx or the server ends.
func serve(ctx context.Context, binary, corefile string) error {
	addr, err := address(corefile)
	if err != nil {
		return err
	}
	if err := free(addr); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, "-conf", corefile)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting CoreDNS: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := answers(addr, ended); err != nil {
		_ = cmd.Process.Kill()
		return err
	}
	if err := show(os.Stdout, addr); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	hint(os.Stdout)
	if err := <-ended; ctx.Err() == nil {
		return fmt.Errorf("CoreDNS ended: %w", err)
	}
	return nil
}

// address returns where the first server block of a Corefile listens.
func address(corefile string) (string, error) {
	text, err := os.ReadFile(corefile)
	if err != nil {
		return "", fmt.Errorf("reading Corefile: %w", err)
	}
	port := regexp.MustCompile(`(?m)^[^#\s{]*:(\d+)`).FindSubmatch(text)
	if port == nil {
		return "", fmt.Errorf("%s: no server block with a port", corefile)
	}
	return net.JoinHostPort("127.0.0.1", string(port[1])), nil
}

// free finds out whether another server has the address.
func free(addr string) error {
	tcp, err := net.Listen("tcp", addr)
	if err == nil {
		defer func() { _ = tcp.Close() }()
		var udp net.PacketConn
		if udp, err = net.ListenPacket("udp", addr); err == nil {
			return udp.Close()
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use, perhaps by another `make run`: stop that, or change the port in corefile.example", addr)
	}
	return fmt.Errorf("trying the address: %w", err)
}

// answers waits until the server answers.
func answers(addr string, ended <-chan error) error {
	timeout := time.After(30 * time.Second)
	for {
		if _, err := questions[0].ask(addr); err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case err := <-ended:
			return fmt.Errorf("CoreDNS did not start: %w", err)
		case <-timeout:
			return errors.New("CoreDNS does not answer after 30 seconds")
		}
	}
}
