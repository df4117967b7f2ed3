package metrics

import (
	"crypto/sha512"
	"encoding/hex"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
)

// Events are the metrics of events that are rare beside queries. Whoever sees an event counts it here.
// It implements resolve.Observer.
type Events struct {
	ReloadFailed   prometheus.Counter
	HealthDuration prometheus.Observer // seconds that /health took to answer
	HealthFailures prometheus.Counter

	coalesced, ancestors, cutsDropped, panics prometheus.Counter

	loops, hostsEntries, reloaded *prometheus.GaugeVec
	hostsTime                     prometheus.Gauge
	setupErrors                   *prometheus.CounterVec
	intercepting                  prometheus.Gauge
	hostMode, impaired            *prometheus.GaugeVec

	parts []prometheus.Collector
}

func newEvents() *Events {
	e := new(Events)
	e.addResolver()
	e.addServer()
	e.addFiles()
	e.addHost()
	return e
}

// addResolver adds what the resolver reports.
func (e *Events) addResolver() {
	e.coalesced = e.counter(ours, "", "coalesced_queries_total", "Counter of queries that waited for the answer to another query, which asked the same.")
	e.ancestors = e.counter(ours, "", "cut_probes_total", "Counter of queries sent upstream to find out whether a name above denied names exists (RFC 8020).")
	e.cutsDropped = e.counter(ours, "", "cuts_dropped_total", "Counter of denied names below which something was found to exist.")
	e.panics = e.counter(stock, "", "panics_total", "A metrics that counts the number of panics.")
	e.loops = gauges(ours, "", "loop_detected", "A metric with a constant '1' value for each upstream that sends queries back to this process.", "zone", "to")
	e.parts = append(e.parts, e.loops)
}

// addServer adds what CoreDNS counts of itself.
func (e *Events) addServer() {
	e.ReloadFailed = e.counter(stock, "reload", "failed_total", "Counter of the number of failed reload attempts.")
	e.HealthFailures = e.counter(stock, "health", "request_failures_total", "The number of times the health check failed.")
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: stock, Subsystem: "health", Name: "request_duration_seconds",
		Help:    "Histogram of the time (in seconds) each request took.",
		Buckets: prometheus.ExponentialBuckets(0.00025, 10, 5), // plugin.SlimTimeBuckets
	})
	e.HealthDuration = duration
	e.parts = append(e.parts, duration)
}

// addFiles adds what is known of files, and of what is set up from them.
func (e *Events) addFiles() {
	e.reloaded = gauges(stock, "reload", "version_info", "A metric with a constant '1' value labeled by hash, and value which type of hash generated.", "hash", "value")
	e.hostsEntries = gauges(stock, "hosts", "entries", "The combined number of entries in hosts and Corefile.", "hostsfile")
	e.hostsTime = gauge(stock, "hosts", "reload_timestamp_seconds", "The timestamp of the last reload of hosts file.")
	e.setupErrors = counters(stock, ours, "setup_errors_total", "The number of errors during periodic network setup for node-cache", "errortype")
	for what := range setups {
		e.setupErrors.WithLabelValues(what.String())
	}
	e.parts = append(e.parts, e.reloaded, e.hostsEntries, e.hostsTime, e.setupErrors)
}

// addHost adds what is known of the node.
func (e *Events) addHost() {
	e.intercepting = gauge(ours, "", "interception_active", "Whether queries of Pods come here: the last probe on their way was answered.")
	e.hostMode = gauges(ours, "", "host_mode", "A metric with a constant '1' value for the device that holds the addresses and the table of rules.", "device", "table")
	e.impaired = gauges(ours, "", "fail_open_impaired", "Whether something would keep queries from the cluster DNS if this process died.", "by")
	for i := range impairments {
		e.impaired.WithLabelValues(i.String())
	}
	e.parts = append(e.parts, e.intercepting, e.hostMode, e.impaired)
}

// counter returns a new counter, which it adds.
func (e *Events) counter(namespace, subsystem, name, help string) prometheus.Counter {
	c := counter(namespace, subsystem, name, help)
	e.parts = append(e.parts, c)
	return c
}

// WatchLog adds counters of log lines that were dropped, and of entries of the query log that never
// became a line. It must be called once, before Handler.
func (e *Events) WatchLog(lines, entries func() uint64) {
	e.countFunc("log_dropped_total", "Counter of log lines that were dropped, of queries or not: nobody read them in time, or they could not be written.", lines)
	e.countFunc("query_log_dropped_total", "Counter of entries of the query log that were dropped because a queue was full: that of entries, or that of the log.", entries)
}

// WatchPages adds a counter of HTTP connections that were closed or refused because there were too
// many. It must be called once, before Handler.
func (e *Events) WatchPages(dropped func() uint64) {
	e.countFunc("http_connections_dropped_total", "Counter of HTTP connections that were closed, or never served, because there were too many.", dropped)
}

// countFunc adds a counter whose count is kept elsewhere.
func (e *Events) countFunc(name, help string, count func() uint64) {
	e.parts = append(e.parts, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: ours, Name: name, Help: help},
		func() float64 { return float64(count()) }))
}

// Coalesced implements resolve.Observer.
func (e *Events) Coalesced() { e.coalesced.Inc() }

// AncestorAsked implements resolve.Observer.
func (e *Events) AncestorAsked() { e.ancestors.Inc() }

// CutDropped implements resolve.Observer.
func (e *Events) CutDropped() { e.cutsDropped.Inc() }

// Panicked implements resolve.Observer.
func (e *Events) Panicked() { e.panics.Inc() }

// LoopFound says whether queries for zone that are sent to an upstream come back.
func (e *Events) LoopFound(zone, to string, found bool) {
	if found {
		e.loops.WithLabelValues(tally.Label(zone), tally.Label(to)).Set(1)
		return
	}
	e.loops.DeleteLabelValues(tally.Label(zone), tally.Label(to))
}

// HostsRead says that a hosts file was read. Entries counts those of the file and the inline ones.
// Changed is when the file was last modified.
func (e *Events) HostsRead(path string, entries int, changed time.Time) {
	e.hostsEntries.WithLabelValues(tally.Label(path)).Set(float64(entries))
	e.hostsTime.Set(float64(changed.UnixNano()) / 1e9)
}

// Reloaded says that a changed Corefile is in force, and tells its hash.
func (e *Events) Reloaded(sum [sha512.Size]byte) {
	e.reloaded.Reset()
	e.reloaded.WithLabelValues("sha512", hex.EncodeToString(sum[:])).Set(1)
}

// Setup is something that may fail to be set up.
type Setup uint8

// What may fail. kubernetes/dns named the labels. What can't happen here stays at 0.
const (
	rules          Setup = iota // rules that switch connection tracking off, by iptables
	rulesLocked                 // the same, because another process holds the lock of iptables
	interfaceAdd                // the network interface
	InterfaceCheck              // the same, later
	ConfigMap                   // the Corefile, made of its template and the kube-dns ConfigMap
	setups
)

// String returns the value of the label `errortype`.
func (s Setup) String() string {
	return [...]string{"iptables", "iptables_lock", "interface_add", "interface_check", "configmap"}[s]
}

// SetupFailed counts a failure to set something up.
func (e *Events) SetupFailed(what Setup) { e.setupErrors.WithLabelValues(what.String()).Inc() }

// Impairment is a reason why queries would not go to the cluster DNS at once if this process died.
type Impairment uint8

// The reasons.
const (
	Fallback  Impairment = iota // the kernel lacks a feature, so that some seconds would pass
	Leftovers                   // another node-local cache has left a device or rules
	impairments
)

// String returns the value of the label `by`.
func (i Impairment) String() string { return [...]string{"fallback", "leftovers"}[i] }

// FailOpenImpaired says whether a reason holds.
func (e *Events) FailOpenImpaired(by Impairment, impaired bool) {
	e.impaired.WithLabelValues(by.String()).Set(truth(impaired))
}

// Intercepting says whether queries of Pods come here.
func (e *Events) Intercepting(active bool) { e.intercepting.Set(truth(active)) }

// HostMode says which kind of device holds the addresses, and which kind of table the rules.
func (e *Events) HostMode(device, table string) { e.hostMode.WithLabelValues(device, table).Set(1) }

// truth is 1 or 0.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (e *Events) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range e.parts {
		p.Describe(ch)
	}
}

// Collect implements prometheus.Collector. It sends the values as of now.
func (e *Events) Collect(ch chan<- prometheus.Metric) {
	for _, p := range e.parts {
		p.Collect(ch)
	}
}
