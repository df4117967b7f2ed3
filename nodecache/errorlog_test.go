package nodecache

import (
	"errors"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/corefile"
)

// newErrors returns a log of errors, and where it writes.
func newErrors() (*errorLog, *notes) {
	n := &notes{}
	return newErrorLog(slog.New(slog.NewTextHandler(n, &slog.HandlerOptions{Level: slog.LevelDebug}))), n
}

func query() *wire.Query {
	return &wire.Query{Name: wire.Name("\x01a\x07example\x00"), Type: wire.A, Class: wire.IN}
}

// TestErrorsRate writes no more than errorsMost lines a second, and tells of the others.
func TestErrorsRate(t *testing.T) {
	l, n := newErrors()
	put := l.of(&corefile.Errors{})
	l.second = time.Now().Add(time.Hour) // one long second
	for range 25 {
		put(query(), errors.New("timeout"))
	}
	if got := n.count(`msg="query failed" name=a.example. type=A error=timeout`); got != errorsMost {
		t.Errorf("%d lines\n%s", got, n)
	}
	l.tell(time.Now())
	l.tell(time.Now())
	if n.count(`msg="more queries failed than are told of" count=15`) != 1 || n.count("more queries") != 1 {
		t.Error(n)
	}
	if l.of(nil) != nil {
		t.Error("without the directive, errors are written")
	}
}

// TestErrorsTogether counts what matches a pattern, for each once its time is over, across a
// reload, and writes the rest.
func TestErrorsTogether(t *testing.T) {
	l, n := newErrors()
	conf := &corefile.Errors{Consolidate: []corefile.Consolidate{
		{Period: time.Minute, Pattern: regexp.MustCompile("^time"), Level: "warning"},
		{Period: time.Hour, Pattern: regexp.MustCompile("^refused$"), Level: "info", ShowFirst: true},
	}}
	put, again := l.of(conf), l.of(conf)
	for range 3 {
		put(query(), errors.New("timeout"))
		again(query(), errors.New("refused"))
		put(query(), errors.New("other"))
	}
	if n.count("error=timeout") != 0 || n.count("error=refused") != 1 || n.count("error=other") != 3 {
		t.Error(n)
	}
	l.tell(time.Now().Add(59 * time.Second))
	if n.count("occurred") != 0 {
		t.Errorf("too early\n%s", n)
	}
	l.tell(time.Now().Add(61 * time.Second))
	l.tell(time.Now().Add(62 * time.Second))
	l.tell(time.Now().Add(61 * time.Minute))
	if n.count("occurred") != 2 || n.count(`level=WARN msg="3 errors like '^time' occurred in last 1m0s"`) != 1 ||
		n.count(`level=INFO msg="3 errors like '^refused$' occurred in last 1h0m0s"`) != 1 {
		t.Error(n)
	}
}
