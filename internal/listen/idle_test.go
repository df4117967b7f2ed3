package listen

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// idleClientEnv makes the test binary a client of the address in it.
const idleClientEnv = "LISTEN_TEST_IDLE_CLIENT"

// TestTCPManyIdle holds 10,000 connections, whose clients are a process of their own since
// both ends don't fit into the usual limit of open files. One of them is served as ever.
func TestTCPManyIdle(t *testing.T) {
	count := 10000
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if int(files.Cur) < count+100 {
		count = int(files.Cur) - 100
		t.Logf("%d connections only: that many files may be open", count)
	}
	r := start(t, Config{TCP: Limits{Conns: count, PerClient: count, Idle: 1 << 40}}, echo, "127.0.0.1:0")
	before := heap()
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), idleClientEnv+"="+r.Addrs()[0].String(), "COUNT="+strconv.Itoa(count-1))
	in, _ := client.StdinPipe()
	out, _ := client.StdoutPipe()
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Wait()
	defer in.Close() // ends it
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "connected\n" {
		t.Fatalf("client: %q, %v", line, err)
	}
	until(t, "accepted", func() bool { return r.TCP().Open == count-1 })
	each := (heap() - before) / int64(count)
	t.Logf("%d octets of heap for each of %d connections", each, count)
	if each > 1024 {
		t.Errorf("%d octets for each connection, want at most 1024", each)
	}
	if !isOpen(dial(t, "tcp", r.Addrs()[0])) {
		t.Error("not served")
	}
}

// heap returns the octets in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// idleClient opens connections, asks once on each, and holds them until its input ends.
func idleClient() {
	addr := netip.MustParseAddrPort(os.Getenv(idleClientEnv))
	count, _ := strconv.Atoi(os.Getenv("COUNT"))
	conns := make([]net.Conn, 0, count)
	for range count {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			println(err.Error())
			return
		}
		if !isOpen(c) {
			println("closed")
			return
		}
		conns = append(conns, c)
	}
	os.Stdout.WriteString("connected\n")
	os.Stdin.Read(make([]byte, 1))
	runtime.KeepAlive(conns)
}
