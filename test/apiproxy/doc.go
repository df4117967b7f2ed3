// Package apiproxy stands between a CoreDNS and a real API server, and does to chosen watch events
// what a bad network or a faulty server does: they come late, twice, in another order, or not at
// all. Everything else passes through.
//
//	coredns <--http, loopback-- Proxy <--https-- kube-apiserver
//	                              |
//	                       Rule(Event) --> Action
//
// Where the API server is away, the proxy still accepts connections, and answers with status 502.
package apiproxy
