// Package hosts answers from a hosts file, as the `hosts` directive of CoreDNS 1.15.0 does.
//
//	hosts file ----Parse--> Table --+
//	                                +-- With --> Table <-- File.Table -- a query, Table.Append
//	inline lines --Parse--> Table --+
//
// A Table never changes. A File holds the current one. Its Run reads the hosts file again whenever
// the file's time or size has changed. A lookup under way goes on with the Table that it has.
//
// The package differs from CoreDNS where CoreDNS is not sound DNS: no record is in an answer twice
// (RFC 2181, section 5), names that no query can ask for are refused, reverse names must be
// written as in RFC 1035, section 3.5, and RFC 3596, section 2.5, and replies have RA set, as
// every reply of a resolver has.
package hosts
