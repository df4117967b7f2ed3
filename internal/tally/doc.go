// Package tally counts queries: what CoreDNS counts of each (its plugin/metrics/vars), and
// where each answer came from.
//
//	a writer --Sample--> Zone.Observe --> its own cells of the zone   a few atomic adds, no allocation
//	                                            |
//	                                            |   added up when somebody asks
//	                                            v
//	              Set.Collect: coredns_dns_*   Set.ByCache: Totals
//
// A writer is whoever counts. Each reader of the front's sockets is one, and all goroutines that
// answer later are one together. A writer has a number and cells of its own, so that no two write
// to the same cache lines.
//
// Zones are never deleted, so counters never go back when a configuration changes.
//
// Names, labels, label values and buckets are those of CoreDNS 1.15.0.
package tally
