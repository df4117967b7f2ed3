package kube

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// LogTo sends what client-go logs to l, for the whole process. Nothing may be logging yet.
func LogTo(l Logger) {
	klog.SetLogger(logr.New(&sink{write: func(e entry) {
		if e.failed {
			l.Errorf("%s", e.line)
		} else {
			l.Infof("%s", e.line)
		}
	}}))
}

// logger returns where Reflectors log. What they say of requests is reported already, and a
// server on its way down or up ends watches early. What remains is rare: an object that
// can't be decoded, a connection found dead, a list that does not end.
func (r *report) logger() logr.Logger {
	return logr.New(&sink{write: func(e entry) {
		var short *cache.VeryShortWatchError
		if !errors.As(e.err, new(reported)) && !errors.As(e.err, &short) {
			r.begin(e.msg, trouble{line: strings.TrimPrefix(e.line, "Warning: ")})
		}
	}})
}

// entry is what client-go logs at one time.
type entry struct {
	failed bool   // it is an error
	msg    string // the same each time
	line   string // all of it: the message, the error, then keys and values
	err    error  // the error, wherever it stands; nil if none
}

// sink is a logr.LogSink whose lines read like those of other plugins.
type sink struct {
	write  func(entry)
	values []any
}

// Init implements logr.LogSink.
func (s *sink) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink. Greater levels are for debugging client-go.
func (s *sink) Enabled(level int) bool { return level == 0 }

// Info implements logr.LogSink.
func (s *sink) Info(_ int, msg string, keysAndValues ...any) {
	e := entry{msg: msg, line: s.line(msg, nil, keysAndValues)}
	for _, v := range keysAndValues {
		if err, ok := v.(error); ok {
			e.err = err
		}
	}
	s.write(e)
}

// Error implements logr.LogSink.
func (s *sink) Error(err error, msg string, keysAndValues ...any) {
	s.write(entry{failed: true, msg: msg, line: s.line(msg, err, keysAndValues), err: err})
}

// WithValues implements logr.LogSink.
func (s *sink) WithValues(keysAndValues ...any) logr.LogSink {
	return &sink{write: s.write, values: append(slices.Clip(s.values), keysAndValues...)}
}

// WithName implements logr.LogSink. The plugin's own name is on each line already.
func (s *sink) WithName(string) logr.LogSink { return s }

func (s *sink) line(msg string, err error, keysAndValues []any) string {
	var b strings.Builder
	b.WriteString(msg)
	if err != nil {
		fmt.Fprintf(&b, ": %v", err)
	}
	all := append(slices.Clip(s.values), keysAndValues...)
	for i := 0; i+1 < len(all); i += 2 {
		if text, ok := all[i+1].(string); ok {
			fmt.Fprintf(&b, " %v=%q", all[i], text)
		} else {
			fmt.Fprintf(&b, " %v=%v", all[i], all[i+1])
		}
	}
	return b.String()
}
