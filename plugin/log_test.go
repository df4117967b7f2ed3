package kubernetes

import (
	golog "log"
	"os"
	"strings"
	"testing"
	"time"
)

// TestLogUnread makes CoreDNS's log a pipe that nobody reads. Whoever logs goes on.
func TestLogUnread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	golog.SetOutput(w)
	before := log.queue.Dropped()
	line := strings.Repeat("x", 1000)
	for range 1000 {
		log.Warning(line)
	}
	if log.queue.Dropped() == before {
		t.Error("nothing was dropped")
	}
	_ = r.Close() // which ends the write that waits
	golog.SetOutput(os.Stderr)
	log.queue.Flush(time.Minute)
	_ = w.Close()
}
