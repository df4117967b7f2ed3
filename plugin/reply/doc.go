// Package reply decides what a reply to a question about a cluster's zones holds: its response
// code, the records of each section, their TTLs and their number.
//
//	name, type --Zones.Question--> Question
//	                                  |  Responder.Answer: Store.Lookup, then
//	                                  v  existence -> response code, Result -> records
//	                                Reply    values only, in memory that is used again
//	                                  |
//	              package kubernetes  |  any other front
//	                     dns.RR <-----+-----> bytes
//
// All fronts write the same replies, whether as records of some DNS library or as bytes. So the
// package knows neither CoreDNS nor any DNS library.
package reply
