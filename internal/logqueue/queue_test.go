package logqueue

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// page keeps what is written.
type page struct {
	mu    sync.Mutex
	lines []string
	err   error
}

func (p *page) write(l Line) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.lines = append(p.lines, l.Level.String()+" "+l.Text)
	}
	return p.err
}

func (p *page) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// TestOrder writes the lines of many goroutines, and keeps the order of each.
func TestOrder(t *testing.T) {
	const putters, each = 8, 200
	var p page
	q := New(1<<20, p.write)
	var group sync.WaitGroup
	for n := range putters {
		group.Go(func() {
			for i := range each {
				if err := q.Put(Line{slog.LevelWarn, fmt.Sprintf("%d %d", n, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	q.Flush(time.Minute)
	if len(p.lines) != putters*each || q.Dropped() != 0 {
		t.Fatalf("%d lines, %d dropped", len(p.lines), q.Dropped())
	}
	for n := range putters {
		at := -1
		for i := range each {
			next := slices.Index(p.lines, fmt.Sprintf("WARN %d %d", n, i))
			if next <= at {
				t.Fatalf("line %d of %d stands at %d, after %d", i, n, next, at)
			}
			at = next
		}
	}
	if q.held != 0 || q.waiting != nil {
		t.Errorf("%d bytes are held", q.held)
	}
}

// TestStalled puts lines that nobody writes, until there is no room, and never waits. Once they are
// written, the log tells how many were lost.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 10
		var p page
		open := make(chan struct{})
		q := New(room*(overhead+5), func(l Line) error { <-open; return p.write(l) })
		q.OnLoss(func(n uint64) { _, _ = q.Write([]byte(fmt.Sprint(n, " lost"))) })
		for i := range 25 {
			n, err := fmt.Fprintf(q, "%05d", i)
			if fits := i < room; fits != (err == nil) || fits && n != 5 || !fits && !errors.Is(err, errDropped) {
				t.Errorf("line %d: %d, %v", i, n, err)
			}
		}
		began := time.Now()
		q.Flush(time.Second)
		if took := time.Since(began); took != time.Second || q.Dropped() != 15 {
			t.Errorf("flushed after %v, %d dropped", took, q.Dropped())
		}
		close(open)
		q.Flush(time.Minute)
		if len(p.lines) != room+1 || p.lines[0] != "INFO 00000" || p.lines[room] != "INFO 15 lost" {
			t.Errorf("%q", p.lines)
		}
		q.Flush(time.Minute)
		if time.Since(began) != time.Second {
			t.Error("it waited though all was written")
		}
	})
}

// TestFails counts lines that cannot be written. Once a line can be, the log tells of the loss, and
// only once.
func TestFails(t *testing.T) {
	var p page
	q := New(1<<10, p.write)
	q.OnLoss(func(n uint64) { _, _ = q.Write([]byte(fmt.Sprint(n, " lost"))) })
	p.fail(syscall.EPIPE)
	for range 3 {
		_, _ = q.Write([]byte("nobody reads"))
		q.Flush(time.Minute)
	}
	if q.Dropped() != 3 {
		t.Errorf("%d dropped", q.Dropped())
	}
	p.fail(nil)
	_, _ = q.Write([]byte("somebody does"))
	q.Flush(time.Minute)
	if got := strings.Join(p.lines, "; "); got != "INFO somebody does; INFO 3 lost" || q.Dropped() != 3 {
		t.Errorf("%s; %d dropped", got, q.Dropped())
	}
}

// TestPipe writes to a pipe that nobody reads, and that then has no reader.
func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	q := New(1<<16, func(l Line) error { _, err := w.WriteString(l.Text); return err })
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 1024 { // 1 MiB, of which a pipe takes 64 KiB
		_, _ = q.Write(line)
	}
	if q.Dropped() == 0 {
		t.Error("nothing was dropped")
	}
	_ = r.Close()
	q.Flush(time.Minute)
	if q.held != 0 {
		t.Errorf("%d bytes are held", q.held)
	}
	_ = w.Close()
}
