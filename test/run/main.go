// Command run starts CoreDNS and the node cache with their example Corefiles, shows what to
// ask them, and goes on until it is interrupted: `make run`.
//
//	run <CoreDNS binary> <Corefile> <node cache binary> <Corefile>
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
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: run <CoreDNS binary> <Corefile> <node cache binary> <Corefile>")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cluster := program{"CoreDNS", os.Args[1], os.Args[2], nil}
	node := program{"the node cache", os.Args[3], os.Args[4], []string{"-metrics-listen-address", ""}}
	if err := serve(ctx, cluster, node); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		return 1
	}
	return 0
}

// program is a server to run.
type program struct {
	name, binary, corefile string
	flags                  []string
}

// serve runs both until ctx or one of them ends.
func serve(ctx context.Context, cluster, node program) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	var addrs []string
	for _, p := range []program{cluster, node} {
		addr, err := p.start(ctx, ended)
		if err != nil {
			return err
		}
		addrs = append(addrs, addr)
	}
	if err := show(os.Stdout, addrs[0]); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	if err := showCached(os.Stdout, addrs[1]); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	hint(os.Stdout)
	err := <-ended
	if ctx.Err() != nil {
		<-ended
		return nil
	}
	return err
}

// start starts the program and waits until it answers. It tells ended when it ends.
func (p program) start(ctx context.Context, ended chan<- error) (addr string, err error) {
	if addr, err = address(p.corefile); err != nil {
		return "", err
	}
	if err := free(addr, p.corefile); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, p.binary, append(p.flags, "-conf", p.corefile)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting %s: %w", p.name, err)
	}
	died := make(chan struct{})
	go func() {
		err := cmd.Wait()
		close(died)
		ended <- fmt.Errorf("%s ended: %v", p.name, err)
	}()
	if err := answers(addr, died); err != nil {
		_ = cmd.Process.Kill()
		return "", fmt.Errorf("%s %w", p.name, err)
	}
	return addr, nil
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
func free(addr, corefile string) error {
	tcp, err := net.Listen("tcp", addr)
	if err == nil {
		defer func() { _ = tcp.Close() }()
		var udp net.PacketConn
		if udp, err = net.ListenPacket("udp", addr); err == nil {
			return udp.Close()
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use, perhaps by another `make run`: stop that, or change the port in %s", addr, corefile)
	}
	return fmt.Errorf("trying the address: %w", err)
}

// answers waits until the server answers.
func answers(addr string, died <-chan struct{}) error {
	timeout := time.After(30 * time.Second)
	for {
		if _, err := questions[0].ask(addr); err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-died:
			return errors.New("did not start")
		case <-timeout:
			return errors.New("does not answer after 30 seconds")
		}
	}
}
