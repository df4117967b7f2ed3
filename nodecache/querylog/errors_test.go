package querylog

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// errorLog is an ErrorLog that runs in a bubble of synctest, and what it wrote.
type errorLog struct {
	*ErrorLog
	text bytes.Buffer
	end  func() // ends Run and waits for it
}

func runErrorLog() *errorLog {
	l := &errorLog{}
	l.ErrorLog = NewErrorLog(slog.New(slog.NewTextHandler(&l.text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { l.Run(ctx) })
	l.end = func() { cancel(); group.Wait() }
	return l
}

// after lets virtual time pass.
func after(d time.Duration) {
	time.Sleep(d) // virtual time
	synctest.Wait()
}

func (l *errorLog) check(t *testing.T, line string, want int) {
	t.Helper()
	l.mu.Lock() // which it holds while it writes
	text := l.text.String()
	l.mu.Unlock()
	if got := strings.Count(text, line); got != want {
		t.Errorf("%d times, not %d: %s\n%s", got, want, line, text)
	}
}

// TestErrorsRate logs at most maxErrors a second, and then how many more there were.
func TestErrorsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runErrorLog()
		defer l.end()
		put := l.Of(&Errors{})
		_, q := query(t, "a.example.", dns.TypeA)
		for range 25 {
			put(q, errors.New("timeout"))
		}
		const line, rest = `msg="query failed" name=a.example. type=A error=timeout`, `msg="more queries failed than are logged" count=15`
		l.check(t, line, maxErrors)
		after(3 * time.Second)
		l.check(t, rest, 1)
		l.check(t, "more queries", 1)
		put(q, errors.New("timeout"))
		l.check(t, line, maxErrors+1)
	})
	if NewErrorLog(slog.New(slog.DiscardHandler)).Of(nil) != nil {
		t.Error("without the directive, errors are logged")
	}
}

// TestErrorsTogether counts the errors that match a pattern, logs each count once when its period
// is over, and all other errors at once. A reload does not end a period.
func TestErrorsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runErrorLog()
		conf := &Errors{Consolidate: []Consolidate{
			{Period: time.Minute, Pattern: regexp.MustCompile("^time"), Level: slog.LevelWarn},
			{Period: time.Hour, Pattern: regexp.MustCompile("^refused$"), Level: slog.LevelInfo, ShowFirst: true},
		}}
		put, again := l.Of(conf), l.Of(conf)
		_, q := query(t, "a.example.", dns.TypeA)
		failing := func() {
			for range 3 {
				put(q, errors.New("timeout"))
				again(q, errors.New("refused"))
				put(q, errors.New("other"))
			}
		}
		failing()
		l.check(t, "error=timeout", 0)
		l.check(t, "error=refused", 1)
		l.check(t, "error=other", 3)
		after(59 * time.Second)
		l.check(t, "occurred", 0)
		after(2 * time.Second)
		l.check(t, `level=WARN msg="3 errors like '^time' occurred in last 1m0s"`, 1)
		after(time.Hour)
		l.check(t, `level=INFO msg="3 errors like '^refused$' occurred in last 1h0m0s"`, 1)
		l.check(t, "occurred", 2)
		failing()
		l.end() // tells all counts
		l.check(t, "occurred", 4)
	})
}
