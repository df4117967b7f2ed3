package listen

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTCPManyIdle holds 10,000 connections from 50 addresses, which the defaults allow. One
// more is served as ever, and the idlest goes.
func TestTCPManyIdle(t *testing.T) {
	const count = 10000
	allowFiles(t, count+200)
	r := start(t, Config{TCP: Limits{Idle: 1 << 40}}, echo, "127.0.0.1:0")
	before := heap()
	client := startChild(t, "idle", r.Addrs()[0], count)
	if line := client.line(t); line != "connected" {
		t.Fatalf("client: %q", line)
	}
	if s := r.TCP(); s.Open != count || s.Evicted != 0 {
		t.Errorf("%+v, want %d open", s, count)
	}
	each := (heap() - before) / count
	t.Logf("%d octets of heap for each of %d connections", each, count)
	if each > 512 {
		t.Errorf("%d octets for each connection, want at most 512", each)
	}
	if !isOpen(dial(t, "tcp", r.Addrs()[0])) {
		t.Error("not served")
	}
	if s := r.TCP(); s.Open != count || s.Evicted != 1 {
		t.Errorf("%+v, want %d open and 1 evicted", s, count)
	}
}

// allowFiles raises the limit of open files to count until the test ends, where it is lower.
func allowFiles(t *testing.T, count uint64) {
	t.Helper()
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur >= count {
		return
	}
	more := unix.Rlimit{Cur: count, Max: max(files.Max, count)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &more); err != nil {
		t.Fatalf("%d files may be open, and the test needs %d: %v; raise the limit (ulimit -n)", files.Cur, count, err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &files) })
}

// heap returns the octets in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
