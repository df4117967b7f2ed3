package metrics

import (
	"crypto/sha512"
	"encoding/hex"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
)

// Own are the metrics of events that are rare beside queries. Whoever sees an event counts it here.
// It implements resolve.Observer.
type Own struct {
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

func newOwn() *Own {
	o := new(Own)
	o.addResolver()
	o.addServer()
	o.addFiles()
	o.addHost()
	return o
}

// addResolver adds what the resolver reports.
func (o *Own) addResolver() {
	o.coalesced = o.counter(ours, "", "coalesced_queries_total", "Counter of queries that waited for another's answer, as it asked the same.")
	o.ancestors = o.counter(ours, "", "cut_probes_total", "Counter of queries sent upstream to find a name that does not exist, and nothing below it (RFC 8020).")
	o.cutsDropped = o.counter(ours, "", "cuts_dropped_total", "Counter of such names below which something did exist after all.")
	o.panics = o.counter(stock, "", "panics_total", "A metrics that counts the number of panics.")
	o.loops = gauges(ours, "", "loop_detected", "A metric with a constant '1' value for each upstream that sends queries back to this process.", "zone", "to")
	o.parts = append(o.parts, o.loops)
}

// addServer adds what CoreDNS counts of itself.
func (o *Own) addServer() {
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

// addFiles adds what is known of files, and of what is set up from them.
func (o *Own) addFiles() {
	o.reloaded = gauges(stock, "reload", "version_info", "A metric with a constant '1' value labeled by hash, and value which type of hash generated.", "hash", "value")
	o.hostsEntries = gauges(stock, "hosts", "entries", "The combined number of entries in hosts and Corefile.", "hostsfile")
	o.hostsTime = gauge(stock, "hosts", "reload_timestamp_seconds", "The timestamp of the last reload of hosts file.")
	o.setupErrors = counters(stock, ours, "setup_errors_total", "The number of errors during periodic network setup for node-cache", "errortype")
	for e := range setups {
		o.setupErrors.WithLabelValues(e.String())
	}
	o.parts = append(o.parts, o.reloaded, o.hostsEntries, o.hostsTime, o.setupErrors)
}

// addHost adds what is known of the node.
func (o *Own) addHost() {
	o.intercepting = gauge(ours, "", "interception_active", "Whether queries of pods come here: the last probe on their way was answered.")
	o.hostMode = gauges(ours, "", "host_mode", "A metric with a constant '1' value for the device that holds the addresses and the table of rules.", "device", "table")
	o.impaired = gauges(ours, "", "fail_open_impaired", "Whether something would keep queries from the cluster DNS if this process died.", "by")
	for i := range impairments {
		o.impaired.WithLabelValues(i.String())
	}
	o.parts = append(o.parts, o.intercepting, o.hostMode, o.impaired)
}

// counter returns a new counter, which it adds.
func (o *Own) counter(namespace, subsystem, name, help string) prometheus.Counter {
	c := counter(namespace, subsystem, name, help)
	o.parts = append(o.parts, c)
	return c
}

// WatchLog adds counters of log lines that were dropped, and of entries of the query log that never
// became a line. It must be called once, before Handler.
func (o *Own) WatchLog(lines, entries func() uint64) {
	o.countFunc("log_dropped_total", "Counter of lines of the log, of queries or not, that were dropped: nobody read them in time, or they could not be written.", lines)
	o.countFunc("query_log_dropped_total", "Counter of entries of the query log that found no room to wait in, here or in the log.", entries)
}

// WatchPages adds a counter of HTTP connections that were closed or refused because there were too
// many. It must be called once, before Handler.
func (o *Own) WatchPages(dropped func() uint64) {
	o.countFunc("http_connections_dropped_total", "Counter of HTTP connections that were closed, or never served, because there were too many.", dropped)
}

// countFunc adds a counter whose count is kept elsewhere.
func (o *Own) countFunc(name, help string, count func() uint64) {
	o.parts = append(o.parts, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: ours, Name: name, Help: help},
		func() float64 { return float64(count()) }))
}

// Coalesced implements resolve.Observer.
func (o *Own) Coalesced() { o.coalesced.Inc() }

// AncestorAsked implements resolve.Observer.
func (o *Own) AncestorAsked() { o.ancestors.Inc() }

// CutDropped implements resolve.Observer.
func (o *Own) CutDropped() { o.cutsDropped.Inc() }

// Panicked implements resolve.Observer.
func (o *Own) Panicked() { o.panics.Inc() }

// LoopFound says whether queries for zone that are sent to an upstream come back.
func (o *Own) LoopFound(zone, to string, found bool) {
	if found {
		o.loops.WithLabelValues(tally.Label(zone), tally.Label(to)).Set(1)
		return
	}
	o.loops.DeleteLabelValues(tally.Label(zone), tally.Label(to))
}

// HostsRead says that a hosts file was read. Entries counts those of the file and the inline ones.
// Changed is when the file was last modified.
func (o *Own) HostsRead(path string, entries int, changed time.Time) {
	o.hostsEntries.WithLabelValues(tally.Label(path)).Set(float64(entries))
	o.hostsTime.Set(float64(changed.UnixNano()) / 1e9)
}

// Reloaded says that a changed Corefile is in force, which has a hash.
func (o *Own) Reloaded(sum [sha512.Size]byte) {
	o.reloaded.Reset()
	o.reloaded.WithLabelValues("sha512", hex.EncodeToString(sum[:])).Set(1)
}

// Setup is something that may fail to be set up.
type Setup uint8

// What may fail. kubernetes/dns gave the labels their names.
const (
	Rules          Setup = iota // rules that switch connection tracking off
	RulesLocked                 // the same, because another process holds the lock of iptables
	InterfaceAdd                // the network interface
	InterfaceCheck              // the same, later
	ConfigMap                   // the Corefile, made of its template and the kube-dns ConfigMap
	setups
)

// String returns the value of the label `errortype`.
func (s Setup) String() string {
	return [...]string{"iptables", "iptables_lock", "interface_add", "interface_check", "configmap"}[s]
}

// SetupFailed counts a failure to set something up.
func (o *Own) SetupFailed(what Setup) { o.setupErrors.WithLabelValues(what.String()).Inc() }

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
func (o *Own) FailOpenImpaired(by Impairment, impaired bool) {
	o.impaired.WithLabelValues(by.String()).Set(truth(impaired))
}

// Intercepting says whether queries of pods come here.
func (o *Own) Intercepting(active bool) { o.intercepting.Set(truth(active)) }

// HostMode says which kind of device holds the addresses, and which kind of table the rules.
func (o *Own) HostMode(device, table string) { o.hostMode.WithLabelValues(device, table).Set(1) }

// truth is 1 or 0.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (o *Own) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range o.parts {
		p.Describe(ch)
	}
}

// Collect implements prometheus.Collector. It sends the values as of now.
func (o *Own) Collect(ch chan<- prometheus.Metric) {
	for _, p := range o.parts {
		p.Collect(ch)
	}
}
