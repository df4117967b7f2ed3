package hostnet

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// idLen is the length of the ID, in bytes, that an answer over UDP begins with.
const idLen = 2

// patience is how long a client waits for an answer that must come, and impatience for one that
// must not.
const (
	patience   = 20 * time.Second
	impatience = time.Second
)

// startServer answers all questions over UDP and TCP at an address with name, until stop is called.
func startServer(addr, name string) (stop func(), err error) {
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		u.Close()
		return nil, err
	}
	var all sync.WaitGroup
	all.Go(func() {
		buf := make([]byte, 512)
		for {
			_, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			u.WriteTo(append(buf[:idLen:idLen], name...), from)
		}
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { answer(c, name) })
		}
	})
	return func() { u.Close(); l.Close(); all.Wait() }, nil
}

// answer answers one question of a connection.
func answer(c net.Conn, name string) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := readFrame(c); err == nil {
		c.Write(frame(name))
		io.Copy(io.Discard, c)
	}
}

// gate is a server over UDP that answers a question with the question, as soon as it may.
type gate struct {
	asked    chan struct{} // a question has come
	answer   chan struct{} // it may be answered
	answered chan struct{} // it has been
}

func startGate(t *testing.T, addr string) *gate {
	t.Helper()
	g := &gate{make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)}
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { u.Close(); close(g.answer); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			g.asked <- struct{}{}
			<-g.answer
			u.WriteTo(buf[:n], from)
			g.answered <- struct{}{}
		}
	}()
	return g
}

func allowedCPUs(t *testing.T) (found []int) {
	t.Helper()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) {
			found = append(found, cpu)
		}
	}
	return found
}

func cpuName(cpu int) string { return "CPU " + strconv.Itoa(cpu) }

// serveCPU adds a socket of a CPU to those that share an address. It answers with cpuName.
func serveCPU(t *testing.T, addr string, cpu int) {
	t.Helper()
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) {
			if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err == nil {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_INCOMING_CPU, cpu)
			}
		})
		return err
	}}
	u, err := share.ListenPacket(context.Background(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { u.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			_, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			u.WriteTo(append(buf[:idLen:idLen], cpuName(cpu)...), from)
		}
	}()
}
