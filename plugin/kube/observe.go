package kube

import (
	"context"
	"net/url"
	"time"

	"k8s.io/client-go/tools/metrics"
)

// ObserveRequests has three functions called for each request of the process: with the
// time until the head of the response arrived, with how long the client held the request
// back (see Access.QPS), and with the code of the response, "<error>" if there was none.
// Only the first call counts. It must come before any request.
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
