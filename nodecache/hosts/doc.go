// Package hosts answers from a hosts file, as CoreDNS 1.15.0 does at the `hosts` directive.
//
//	hosts file ----Parse--> Table --+
//	                                +-- With --> Table <-- File.Table -- a query, Table.Append
//	inline lines --Parse--> Table --+
//
// A Table never changes. A File holds the one that is current: Run reads the hosts file again
// whenever its time or size has changed, and lookups go on with the Table they took.
//
// It differs from CoreDNS where that is not sound DNS: no record comes twice in an answer (RFC
// 2181, section 5), names that no query can ask for are refused, reverse names are taken only
// as RFC 1035, section 3.5, and RFC 3596, section 2.5, write them, and replies have RA set, as
// all of a resolver's.
package hosts
