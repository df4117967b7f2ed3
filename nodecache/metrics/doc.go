// Package metrics tells Prometheus what the node cache does.
//
//	queries -----------> tally.Set -------------------+
//	caches, front -----> read when collected -------->|  collected at most every 50 ms,
//	upstream.Trace ----> counters ------------------->|  once for all who ask meanwhile
//	Events ------------> counters ------------------->v
//	                                             Set.Handler
//
// What dashboards of today's node-local cache read keeps its names, labels and label values: those of
// CoreDNS 1.15.0 (plugin/metrics, cache, forward, pkg/proxy, hosts, reload, health) and of
// kubernetes/dns (cmd/node-cache/app/metrics.go). The names of our own metrics begin with
// nodecache_.
//
// Counters never go back, whatever a reload replaces.
package metrics
