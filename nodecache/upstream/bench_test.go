package upstream

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// serveEnv makes the test program a DNS server, so that a benchmark measures only the client's CPU.
const serveEnv = "UPSTREAM_TEST_SERVE"

// serveAlone answers TCP and UDP queries with one address, in order, until stdin closes.
func serveAlone() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	u, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for buf := make([]byte, 4096); ; {
			n, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = u.WriteTo(withAddress(buf[:n], anAddress), from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveStream(c)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// serveStream writes each answer by itself, as CoreDNS does.
func serveStream(c net.Conn) {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		var size [2]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(r, q); err != nil {
			return
		}
		m := withAddress(q, anAddress)
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	}
}

var anAddress = netip.MustParseAddr("10.0.0.1")

// alone starts the test program as a server.
func alone(b testing.TB) netip.AddrPort {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"=1")
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return netip.MustParseAddrPort(line[:len(line)-1])
}

// cpu returns the CPU time of this process, in microseconds.
func cpu() (user, system float64) {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()) / 1e3, float64(u.Stime.Nano()) / 1e3
}

// BenchmarkExchange reports this process's CPU time per query, with few and with many queries
// outstanding. The servers are processes of their own.
func BenchmarkExchange(b *testing.B) {
	for _, proto := range []Proto{TCP, UDP} {
		for _, outstanding := range []int{1, 20, 200} {
			b.Run(fmt.Sprintf("%s/%d", []string{"UDP", "TCP"}[proto], outstanding), func(b *testing.B) {
				benchmark(b, proto, outstanding)
			})
		}
	}
}

func benchmark(b *testing.B, proto Proto, outstanding int) {
	c := Config{}
	for range 3 {
		c.Servers = append(c.Servers, Endpoint{Addr: alone(b), Proto: proto})
	}
	fwd := forward(b, c)
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	user, system := cpu()
	for i := range outstanding {
		group.Go(func() {
			q := queryFor(b, fmt.Sprintf("service-%d.namespace.svc.cluster.local", i))
			dst := make([]byte, 0, 512)
			for left.Add(-1) >= 0 {
				if _, err := fwd.Exchange(b.Context(), dst, q, nil, Cluster); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	userAfter, systemAfter := cpu()
	b.ReportMetric((userAfter-user)/float64(b.N), "user-us/op")
	b.ReportMetric((systemAfter-system)/float64(b.N), "system-us/op")
}
