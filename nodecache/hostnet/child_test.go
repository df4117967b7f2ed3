package hostnet

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// children are the things that a child process can be. A child reads a line, does what it says, and
// answers with a line.
var children = map[string]func(args []string) func(line string) (string, error){
	"hold": holder,
	"pod":  pod,
}

// child is a running child process. It ends with the test, or with kill.
type child struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

func startChild(t *testing.T, attr *syscall.SysProcAttr, args ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command("/proc/self/exe")}
	c.cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(args, " "))
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = attr
	c.in, _ = c.cmd.StdinPipe()
	out, _ := c.cmd.StdoutPipe()
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.in.Close()
		c.cmd.Process.Signal(syscall.SIGCONT)
		c.cmd.Wait()
	})
	return c
}

// ask gives the child a line and returns its answer.
func (c *child) ask(t *testing.T, line string) string {
	t.Helper()
	fmt.Fprintln(c.in, line)
	answer, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("child, %s: %v", line, err)
	}
	return strings.TrimSpace(answer)
}

// must gives the child a line whose answer must be "ok".
func (c *child) must(t *testing.T, line string) {
	t.Helper()
	if answer := c.ask(t, line); answer != "ok" {
		t.Fatalf("child, %s: %s", line, answer)
	}
}

// kill ends the child as the OOM killer does.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// runChild is the main function of a child process.
func runChild(command string) int {
	fields := strings.Fields(command)
	do := children[fields[0]](fields[1:])
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		answer, err := do(in.Text())
		switch {
		case err != nil:
			answer = err.Error()
		case answer == "":
			answer = "ok"
		}
		fmt.Println(strings.ReplaceAll(answer, "\n", " "))
	}
	return 0
}

// holder is a process with a Host of a config of args. A line is the name of a step, such as "open",
// or "fallback ADDR:PORT ADDR:PORT ...", which sets the servers of a Fallback.
func holder(args []string) func(string) (string, error) {
	c, err := config(args...)
	var h *Host
	var r *Fallback
	return func(line string) (string, error) {
		to, isFallback := strings.CutPrefix(line, "fallback ")
		switch {
		case err != nil:
		case isFallback && r == nil:
			if r, err = OpenFallback(c.Addrs, 53); err != nil {
				break
			}
			fallthrough
		case isFallback:
			err = r.Set(servers(strings.Fields(to)...))
		case line == "open":
			if h, err = Open(c); err == nil {
				m := h.Mode()
				return strings.TrimSpace(m.Device + " " + m.Table + " " + m.Why), nil
			}
		case line == "intercept":
			err = h.Intercept()
		case line == "release":
			err = h.Release()
		case line == "close":
			err = h.Close()
		}
		return "", err
	}
}

// config returns a Config with the addresses among words. Other words change it:
//
//	health              a health port too
//	norules, nodevice   without these
//	outside             other machines are answered
//	kind=KIND           the kind of the dummy device
//	ownerless           as if the kernel knew no owners
//	tunless, nftless    hide these from the process
func config(words ...string) (Config, error) {
	c := Config{Interface: true, Rules: true, Log: quiet()}
	for _, w := range words {
		kind, isKind := strings.CutPrefix(w, "kind=")
		switch w {
		case "health":
			c.HealthPort = 8080
		case "norules":
			c.Rules = false
		case "outside":
			c.AnswerOutside = true
		case "nodevice":
			c.Interface = false
		case "ownerless":
			c.ownerless = true
		case "tunless":
			if err := hideTUN(); err != nil {
				return c, err
			}
		case "nftless":
			if err := hideNetfilter(); err != nil {
				return c, err
			}
		default:
			if isKind {
				c.dummy = kind
			} else {
				c.Addrs = append(c.Addrs, netip.MustParseAddr(w))
			}
		}
	}
	return c, nil
}

// pod is a process in a network namespace of its own. Its lines:
//
//	udp ADDR:PORT            asks, from a new port each time, and returns the answer
//	tcp ADDR:PORT
//	brief-udp ADDR:PORT      the same, where no answer should come
//	brief-tcp ADDR:PORT
//	serve ADDR:PORT NAME     starts a server that answers with the name
//	sh COMMAND               runs a command
func pod([]string) func(string) (string, error) {
	return func(line string) (string, error) {
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "sh":
			out, err := exec.Command("sh", "-c", rest).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return "", err
		case "serve":
			addr, name, _ := strings.Cut(rest, " ")
			_, err := startServer(addr, name)
			return "", err
		}
		network, brief := strings.CutPrefix(verb, "brief-")
		if brief {
			return question(network, rest, impatience)
		}
		return question(network, rest, patience)
	}
}
