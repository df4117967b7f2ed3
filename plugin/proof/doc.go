// Package proof compares the lane's answers with CoreDNS's own, so that a lane which answers
// otherwise is turned off before it does harm.
//
//	lane's answer -- Due? -- Check --> queue --> worker: Asker.Chain, compare
//	                   |                           |          |
//	                   | no, or the queue is full  | same     | different
//	                   v                           v          v
//	              counted by the lane           nothing    again at once; again after the TTL
//	                                                          |
//	                                            still there   v   the lane's answer never changed
//	                                                    Asker.Differs, once
//
// A difference that goes away is none: records change, and CoreDNS's cache has an older answer
// until its TTL has passed. So a difference counts only if the chain still answers otherwise when
// what its cache had has expired, while the lane gave the same answer all that time.
//
// However many names are asked, the memory stays the same: a bitmap remembers what was compared,
// and queries, comparisons and doubtful answers have a bound each. What is above it is not compared.
package proof
