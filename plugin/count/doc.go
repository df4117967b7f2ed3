// Package count counts the queries of the express lane, in the series that CoreDNS counts its own
// in.
//
//	lane's query --> tally.Zone ----------+
//	                                      +-- sum --> coredns_dns_requests_total, ...
//	other query  --> plugin prometheus ---+           as if CoreDNS had answered both
//
//	each query of the lane's sockets --> Counts.Outcome --> coredns_kubernetes_express_total
//
// Dashboards and alerts read those series, and see no difference. CoreDNS counts in variables of
// its own (its plugin/metrics/vars), under a lock that every query takes. The lane counts in cells
// that each reader has for itself, so the two are added up when Prometheus asks.
package count
