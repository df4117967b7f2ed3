// Package intercept makes the queries of this node come to this process, for as long as it answers.
//
//	Host (what the node should have) --Open--> hostnet: device, addresses, rules
//	                                              |
//	                                              v
//	Run, each second:  Checker: every socket answers, on the way of a pod's packet
//	                     |  yes                            |  no
//	                     v                                 v
//	                   hostnet.Intercept:                mend the device, and ask on the host's
//	                   queries are ours for 3 s more     own way, to tell a silent process from
//	                                                     a firewall
//
//	                   Fallback: the rule names the cluster DNS's Pods as they are now
//
// A process that hangs renews nothing. 3 s later, queries go where they went without it: to the
// Pods that the fallback's rule names, or to kube-proxy. A process that has not answered itself for
// 10 s gives up: a new one is better.
package intercept
