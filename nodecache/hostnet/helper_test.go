package hostnet

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// The addresses in most tests.
const (
	linkLocal = "169.254.20.10"
	clusterIP = "10.96.0.10"
	clusterV6 = "fd00:96::a"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// hold opens a Host, and closes it with the test.
func hold(t *testing.T, words ...string) *Host {
	t.Helper()
	c, err := config(words...)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func intercept(t *testing.T, h *Host) {
	t.Helper()
	if err := h.Intercept(); err != nil {
		t.Fatal(err)
	}
}

// keep intercepts until the test ends, or stop is called.
func keep(t *testing.T, h *Host) (stop func()) {
	t.Helper()
	intercept(t, h)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
				h.Intercept()
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(done); <-ended })
	t.Cleanup(stop)
	return stop
}

// ruleset returns all rules, without the times that pass and with N for the numbers in names.
func ruleset(t *testing.T) string {
	t.Helper()
	text := regexp.MustCompile(` expires [0-9a-z]+`).ReplaceAllString(netns.Sh(t, "nft list ruleset"), "")
	text = regexp.MustCompile(`neardns-\d+ \{.*`).ReplaceAllString(text, "neardns-N {")
	text = regexp.MustCompile(`(169\.254\.253\.|fd6e:6561:7264:6e73::)[0-9a-f]+`).ReplaceAllString(text, "${1}N")
	return regexp.MustCompile(`"neardns\d+"`).ReplaceAllString(text, `"neardnsN"`)
}

// node returns everything that the tests may change: links, addresses, routes and rules. It waits
// until the kernel has done what earlier changes cause.
func node(t *testing.T) string {
	t.Helper()
	list := func() string {
		return netns.Sh(t, "ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; nft list ruleset")
	}
	now := list()
	testkit.Eventually(t, "the node rests", func() bool {
		before := now
		time.Sleep(30 * time.Millisecond) // the kernel doesn't say when it has done everything
		now = list()
		return now == before
	})
	return now
}

// unchanged fails the test if the node is not as it was, and says which lines differ.
func unchanged(t *testing.T, was string) {
	t.Helper()
	is := node(t)
	for line := range strings.Lines(was) {
		if !strings.Contains(is, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for line := range strings.Lines(is) {
		if !strings.Contains(was, line) {
			t.Errorf("new: %s", line)
		}
	}
	if is != was && !t.Failed() {
		t.Errorf("was\n%s\nis\n%s", was, is)
	}
}

// has reports whether the node has an address.
func has(t *testing.T, addr string) bool {
	t.Helper()
	return slices.ContainsFunc(strings.Fields(netns.Sh(t, "ip -o addr")), func(f string) bool {
		return strings.HasPrefix(f, addr+"/")
	})
}

// serve starts a server, see startServer, for as long as the test runs.
func serve(t *testing.T, addr, name string) {
	t.Helper()
	stop, err := startServer(addr, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

// question asks once and returns the answer.
func question(network, addr string, wait time.Duration) (string, error) {
	c, err := net.DialTimeout(network, addr, wait)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	if network == "tcp" {
		if _, err := c.Write(frame("question")); err != nil {
			return "", err
		}
		return readFrame(c)
	}
	if _, err := c.Write([]byte("question")); err != nil {
		return "", err
	}
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	return string(buf[min(n, idLen):n]), err
}

func frame(message string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

func readFrame(c net.Conn) (string, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return "", err
	}
	body := make([]byte, binary.BigEndian.Uint16(head))
	_, err := io.ReadFull(c, body)
	return string(body), err
}

// startPod makes pod number n behind a veth of that number, see main_test.go.
func startPod(t *testing.T, n int) *child {
	t.Helper()
	p := startChild(t, ownNetwork(), "pod")
	p.must(t, "sh ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0")
	run := func(format string, args ...any) { netns.Shf(t, format, args...) }
	run("ip link add veth%d type veth peer name eth0 netns %d", n, p.cmd.Process.Pid)
	t.Cleanup(func() { exec.Command("ip", "link", "del", fmt.Sprint("veth", n)).Run() })
	run("ip addr add 10.%d.0.1/24 dev veth%[1]d; ip addr add fd0%[1]d::1/64 dev veth%[1]d nodad; ip link set veth%[1]d up", n)
	p.must(t, fmt.Sprintf("sh ip addr add 10.%d.0.2/24 dev eth0; ip addr add fd0%[1]d::2/64 dev eth0 nodad; ip link set eth0 up; "+
		"ip route add default via 10.%[1]d.0.1; ip -6 route add default via fd0%[1]d::1", n))
	// It can take a second until the kernel sees that a carrier has come up, and until then it sends
	// nothing. It makes the route to an IPv6 address some time after the address.
	check := "sh ip -o link show %s | grep 'state UP' && ip -6 route show table local | grep fd0%d::%d"
	testkit.Eventually(t, "link is up", func() bool {
		here := strings.TrimPrefix(fmt.Sprintf(check, fmt.Sprint("veth", n), n, 1), "sh ")
		return p.ask(t, fmt.Sprintf(check, "eth0", n, 2)) == "ok" && exec.Command("sh", "-c", here).Run() == nil
	})
	return p
}
