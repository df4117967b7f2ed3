package probe

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// What a client asks. A name follows flush.
const (
	live  = "live"
	ready = "ready"
	flush = "flush "
)

// longestLine is the most bytes that a question or an answer may have. A name in presentation
// form has some 1,000.
const longestLine = 2048

// socketAddr returns the address of the socket of the process in our PID namespace.
func socketAddr() (*net.UnixAddr, error) {
	pid, err := os.Readlink("/proc/self/ns/pid") // such as pid:[4026531836]
	if err != nil {
		return nil, err
	}
	return &net.UnixAddr{Net: "unix", Name: "@neardns-nodecache-" + pid}, nil
}

// Ask asks the process that runs in this PID namespace whether it is "live" or "ready". It returns
// nil if it is.
func Ask(ctx context.Context, question string) error {
	_, err := askOwn(ctx, question)
	return err
}

// Flush makes the process that runs in this PID namespace forget what it keeps of a name and of all
// names below it. An empty name is the root. The result says in words how much that was.
func Flush(ctx context.Context, name string) (result string, err error) {
	n, err := wire.ParseName(cmp.Or(name, "."))
	if err != nil {
		return "", err
	}
	return askOwn(ctx, flush+n.String())
}

func askOwn(ctx context.Context, question string) (result string, err error) {
	addr, err := socketAddr()
	if err != nil {
		return "", err
	}
	return ask(ctx, addr, question)
}

// ask asks the process that has the socket at addr, and returns what it says after "ok".
func ask(ctx context.Context, addr *net.UnixAddr, question string) (result string, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", addr.Name)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "", fmt.Errorf("no nodecache runs in this PID namespace: %w", err)
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(answerTime + time.Second)) // the server's own time-out comes first
	if _, err := io.WriteString(c, question+"\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(io.LimitReader(c, longestLine)).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("nodecache runs but does not answer: %w", err)
	}
	answer = strings.TrimSuffix(answer, "\n")
	if result, ok := strings.CutPrefix(answer, "ok"); ok {
		return strings.TrimPrefix(result, " "), nil
	}
	return "", errors.New(answer)
}
