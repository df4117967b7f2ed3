package metrics

import "github.com/prometheus/client_golang/prometheus"

// Own are the metrics of what happens off a hit's way: whoever does it counts it here.
type Own struct {
	Coalesced   prometheus.Counter // a query joined one that was under way
	CutProbes   prometheus.Counter // upstream was asked whether a name above exists (RFC 8020)
	CutsDropped prometheus.Counter // something below a name that does not did exist

	Panics         prometheus.Counter
	ReloadFailed   prometheus.Counter
	HealthDuration prometheus.Observer // seconds that /health took to answer
	HealthFailures prometheus.Counter

	loops, hostsEntries, reloaded *prometheus.GaugeVec
	hostsTime                     prometheus.Gauge
	setupErrors                   *prometheus.CounterVec
	intercepting                  prometheus.Gauge
	hostMode, impaired            *prometheus.GaugeVec

	parts []prometheus.Collector
}

func newOwn() *Own {
	o := new(Own)
	o.addResolver()
	o.addServer()
	o.addFiles()
	o.addHost()
	return o
}

// addResolver adds what the resolver counts.
func (o *Own) addResolver() {
	o.Coalesced = o.counter(ours, "", "coalesced_queries_total", "Counter of queries that waited for another's answer, as it asked the same.")
	o.CutProbes = o.counter(ours, "", "cut_probes_total", "Counter of queries sent upstream to find a name that does not exist, and nothing below it (RFC 8020).")
	o.CutsDropped = o.counter(ours, "", "cuts_dropped_total", "Counter of such names below which something did exist after all.")
	o.loops = gauges(ours, "", "loop_detected", "A metric with a constant '1' value for each upstream that sends queries back to this process.", "zone", "to")
	o.parts = append(o.parts, o.loops)
}

// addServer adds what CoreDNS counts of itself.
func (o *Own) addServer() {
	o.Panics = o.counter(stock, "", "panics_total", "A metrics that counts the number of panics.")
	o.ReloadFailed = o.counter(stock, "reload", "failed_total", "Counter of the number of failed reload attempts.")
	o.HealthFailures = o.counter(stock, "health", "request_failures_total", "The number of times the health check failed.")
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: stock, Subsystem: "health", Name: "request_duration_seconds",
		Help:    "Histogram of the time (in seconds) each request took.",
		Buckets: prometheus.ExponentialBuckets(0.00025, 10, 5), // plugin.SlimTimeBuckets
	})
	o.HealthDuration = duration
	o.parts = append(o.parts, duration)
}

// addFiles adds what is known of files and of what is set up from them.
func (o *Own) addFiles() {
	o.reloaded = gauges(stock, "reload", "version_info", "A metric with a constant '1' value labeled by hash, and value which type of hash generated.", "hash", "value")
	o.hostsEntries = gauges(stock, "hosts", "entries", "The combined number of entries in hosts and Corefile.", "hostsfile")
	o.hostsTime = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: stock, Subsystem: "hosts", Name: "reload_timestamp_seconds",
		Help: "The timestamp of the last reload of hosts file.",
	})
	o.setupErrors = counters(stock, ours, "setup_errors_total", "The number of errors during periodic network setup for node-cache", "errortype")
	for e := range setups {
		o.setupErrors.WithLabelValues(e.String())
	}
	o.parts = append(o.parts, o.reloaded, o.hostsEntries, o.hostsTime, o.setupErrors)
}

// addHost adds what is known of the node.
func (o *Own) addHost() {
	o.intercepting = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: ours, Name: "interception_active", Help: "Whether queries of pods come here: the last probe on their way was answered.",
	})
	o.hostMode = gauges(ours, "", "host_mode", "A metric with a constant '1' value for the device that holds the addresses and the table of rules.", "device", "table")
	o.impaired = gauges(ours, "", "fail_open_impaired", "Whether something would keep queries from the cluster DNS if this process died.", "by")
	for i := range impairments {
		o.impaired.WithLabelValues(i.String())
	}
	o.parts = append(o.parts, o.intercepting, o.hostMode, o.impaired)
}

// WatchLog tells how many lines of the log were dropped, and how many entries of the query log
// never became a line. It must be called before Handler, once.
func (o *Own) WatchLog(lines, entries func() uint64) {
	o.countFunc("log_dropped_total", "Counter of lines of the log, of queries or not, that were dropped: nobody read them in time, or they could not be written.", lines)
	o.countFunc("query_log_dropped_total", "Counter of entries of the query log that found no room to wait in, here or in the log.", entries)
}

// WatchPages tells how many HTTP connections were closed or refused for want of room. It must be
// called before Handler, once.
func (o *Own) WatchPages(dropped func() uint64) {
	o.countFunc("http_connections_dropped_total", "Counter of HTTP connections that were closed, or never served, because there were too many.", dropped)
}

// countFunc adds a counter that is kept elsewhere.
func (o *Own) countFunc(name, help string, count func() uint64) {
	o.parts = append(o.parts, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: ours, Name: name, Help: help},
		func() float64 { return float64(count()) }))
}

// counter returns a new counter, which it adds.
func (o *Own) counter(namespace, subsystem, name, help string) prometheus.Counter {
	c := counter(namespace, subsystem, name, help)
	o.parts = append(o.parts, c)
	return c
}

// Describe and Collect implement prometheus.Collector.
func (o *Own) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range o.parts {
		p.Describe(ch)
	}
}

// Collect sends the values as of now.
func (o *Own) Collect(ch chan<- prometheus.Metric) {
	for _, p := range o.parts {
		p.Collect(ch)
	}
}
