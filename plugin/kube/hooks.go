package kube

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/metrics"
	"k8s.io/klog/v2"
)

// LogTo sends what client-go logs to l, for the whole process. Call it before anything logs.
func LogTo(l Logger) {
	klog.SetLogger(logr.New(&sink{write: func(e entry) {
		if e.failed {
			l.Errorf("%s", e.line)
		} else {
			l.Infof("%s", e.line)
		}
	}}))
}

// entry is one line of client-go's log.
type entry struct {
	failed bool   // it is an error
	msg    string // the same each time
	line   string // all of it: the message, the error, then keys and values
	err    error  // the error, even if it is among the values; nil if there is none
}

// sink is a logr.LogSink whose lines read like those of other plugins.
type sink struct {
	write  func(entry)
	values []any
}

// Init implements logr.LogSink.
func (s *sink) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink. Greater levels are for those who debug client-go.
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

// WithName implements logr.LogSink. Each line has the plugin's own name already.
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

// ObserveRequests makes client-go call three functions for each request of the process. latency
// gets the time until the head of the response arrived. rateLimit gets how long the client held
// the request back (see Access.QPS). result gets the code of the response, or "<error>" if there
// was none. Only the first call counts, and it must come before any request.
func ObserveRequests(latency, rateLimit func(verb, host string, d time.Duration), result func(code, method, host string)) {
	metrics.Register(metrics.RegisterOpts{
		RequestLatency:     durations(latency),
		RateLimiterLatency: durations(rateLimit),
		RequestResult:      results(result),
	})
}

type durations func(verb, host string, d time.Duration)

// Observe implements metrics.LatencyMetric.
func (f durations) Observe(_ context.Context, verb string, u url.URL, d time.Duration) {
	f(verb, u.Host, d)
}

type results func(code, method, host string)

// Increment implements metrics.ResultMetric.
func (f results) Increment(_ context.Context, code, method, host string) { f(code, method, host) }
