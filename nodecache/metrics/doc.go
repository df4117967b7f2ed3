// Package metrics counts what the node cache does, and tells Prometheus.
//
//	a loop    --Sample--> Zone.Observe --> that loop's cells   a few atomic adds, no allocation
//	                                             |
//	caches, front -----------------------------> |  Collect    added up when scraped
//	upstream.Trace, Events --> counters -------> v
//	                                        Set.Handler
//
// What dashboards of today's node-local cache read keeps its names, labels and label values:
// those of CoreDNS 1.15.0 (plugin/metrics, cache, forward, pkg/proxy, hosts, reload, health)
// and of kubernetes/dns (cmd/node-cache/app/metrics.go). What is ours begins with nodecache_.
//
// A shard of counters belongs to one loop: a UDP socket's, that of TCP, or whoever answers
// misses. No other loop writes to its cache lines. Counters of zones are never taken away and
// never go back, whatever a reload changes.
package metrics
