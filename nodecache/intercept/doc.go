// Package intercept has the queries of this node come to this process, for as long as it answers.
//
//	Host (what the node should have) --Open--> hostnet: device, addresses, rules
//	                                              |
//	                                              v
//	Run, each second:  Checker: every socket answers, on the way of a pod's packet
//	                     |  yes                            |  no
//	                     v                                 v
//	                   hostnet.Intercept: 3 s more       the host's own way, to tell a
//	                                                     silent process from a firewall
//	                   Fallback: where queries go
//	                   while no process takes them
//
// A process that hangs renews nothing, and 3 s later queries go where they went without it. A
// process that has not answered itself for 10 s gives up: a new one is better.
package intercept
