package listen

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes the test binary a client: a process of its own has its own scheduler and
// its own limit of open files.
const childEnv = "LISTEN_TEST_CHILD"

// children are what a child process can be.
var children = map[string]func(args []string) error{
	"idle":  idleClient,
	"flood": floodClient,
	"ask":   askClient,

	"without6": without6,
	"without":  without,
}

// child is a running child process. It ends with the test, or with stop.
type child struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

func startChild(t *testing.T, args ...any) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childEnv+"="+strings.TrimSpace(fmt.Sprintln(args...)))
	c.cmd.Stderr = os.Stderr
	if slices.Contains(args, any("sysctl")) {
		c.cmd.SysProcAttr = ownNetwork()
	}
	c.in, _ = c.cmd.StdinPipe()
	out, _ := c.cmd.StdoutPipe()
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// ownNetwork gives a child a network namespace of its own, and a user namespace where it isn't
// root's.
func ownNetwork() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// line returns the next line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	return strings.TrimSpace(line)
}

func (c *child) stop() {
	c.in.Close()
	c.cmd.Wait()
}

// runChild is the main function of a child process.
func runChild(command string) int {
	fields := strings.Fields(command)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := children[fields[0]](fields[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// dialChild connects from address i of a range of loopback addresses.
func dialChild(network, to string, i int) (net.Conn, error) {
	local := netip.AddrFrom4([4]byte{127, 0, 2, byte(i)})
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	if network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	return d.Dial(network, to)
}

// idleClient opens args[1] connections to args[0], perAddress from each source, asks once on
// each, and holds them.
func idleClient(args []string) error {
	count, _ := strconv.Atoi(args[1])
	for i := range count {
		c, err := dialChild("tcp", args[0], 1+i/perAddress)
		if err != nil {
			return err
		}
		defer c.Close()
		if !isOpen(c) {
			return fmt.Errorf("connection %d of %d was closed", i, count)
		}
	}
	fmt.Println("connected")
	select {}
}

// perAddress is how many connections idleClient makes from one address.
const perAddress = 200

// floodClient sends all it can to args[1] over the network args[0], on args[2] connections from one
// address.
func floodClient(args []string) error {
	query := []byte("a query with thirty-four bytes now")
	if args[0] == "tcp" {
		query = []byte(strings.Repeat(string(frame(string(query))), 1000))
	}
	count, _ := strconv.Atoi(args[2])
	for range count {
		c, err := dialChild(args[0], args[1], 1)
		if err != nil {
			return err
		}
		go io.Copy(io.Discard, c)
		go func() {
			for {
				c.Write(query)
			}
		}()
	}
	fmt.Println("flooding")
	select {}
}

// askClient asks the addresses behind args[0], a network, in turn, each 100 times a second. For each
// it prints the 99th percentile of the time to answer, in microseconds.
func askClient(args []string) error {
	const rounds = 200
	times := make([][]time.Duration, len(args)-1)
	conns := make([]net.Conn, len(times))
	for i := range conns {
		c, err := dialChild(args[0], args[i+1], 2)
		if err != nil {
			return err
		}
		conns[i] = c
	}
	for range rounds {
		for i, c := range conns {
			time.Sleep(10 * time.Millisecond / time.Duration(len(conns))) // the pace of a client that asks little
			begin := time.Now()
			c.SetDeadline(begin.Add(200 * time.Millisecond))
			c.Write(frame("query"))
			if _, err := c.Read(make([]byte, 512)); err != nil {
				c.SetDeadline(time.Time{})
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	for _, list := range times {
		slices.Sort(list)
		fmt.Println(list[len(list)*99/100].Microseconds())
	}
	return nil
}
