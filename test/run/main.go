// Command run is `make run`. It starts CoreDNS and the node cache with their example Corefiles,
// shows what to ask them, and runs until it is interrupted. The node cache runs on Linux only;
// elsewhere the command says so, and does without.
//
//	run <CoreDNS binary> <Corefile> [<node cache binary> <Corefile>]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	list, err := programs(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Stdout, list); err != nil {
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

// programs returns what the arguments name: CoreDNS, and the node cache if there is one.
func programs(args []string) ([]program, error) {
	switch len(args) {
	case 2:
		return []program{{"CoreDNS", args[0], args[1], nil}}, nil
	case 4:
		return []program{{"CoreDNS", args[0], args[1], nil}, {"the node cache", args[2], args[3], []string{"-metrics-listen-address", ""}}}, nil
	}
	return nil, errors.New("usage: run <CoreDNS binary> <Corefile> [<node cache binary> <Corefile>]")
}

// serve runs the programs, and shows what they answer, until ctx or one of them ends.
func serve(ctx context.Context, w io.Writer, list []program) error {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, len(list))
	started := 0
	defer func() {
		stop()
		for range started {
			<-ended
		}
	}()
	var addrs []string
	for _, p := range list {
		addr, err := p.start(ctx, ended)
		if err != nil {
			return err
		}
		started++
		addrs = append(addrs, addr)
	}
	if err := showAll(w, addrs); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	err := <-ended
	started--
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// showAll shows what CoreDNS, at the first address, answers, and then the node cache, if there is
// one.
func showAll(w io.Writer, addrs []string) error {
	err := show(w, addrs[0])
	if len(addrs) > 1 {
		err = errors.Join(err, showCached(w, addrs[1]))
	} else {
		_, _ = fmt.Fprintln(w, "\nThe node cache runs on Linux only: this is CoreDNS alone.")
	}
	hint(w)
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

// free returns an error if another server has the address.
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

// answers waits until the server answers. It gives up when the server dies, or after 30 seconds.
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
