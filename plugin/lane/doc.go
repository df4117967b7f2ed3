// Package lane answers questions about a cluster as bytes, from the store itself. It stands before
// CoreDNS's own front, and saves a query the way through messages, records and plugins:
//
//	query bytes --wire.Query.Parse--> malformed? ------------------------> Refused, by its code
//	                 |
//	                 |  no zone of the Table, a rare type, an alias,
//	                 |  records that are not complete, ... --------------> PassedOn: CoreDNS answers
//	                 v
//	            reply.Question --reply.Responder.Answer--> reply.Reply --> Answered
//
// What it answers is what the block answers through CoreDNS: the same records in the same sections,
// with the same flags, cut at the same place. Whatever it isn't sure of, it passes on.
package lane
