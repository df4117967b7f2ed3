// Package wire reads, writes and edits DNS messages where they lie, in the buffers they
// came in. On a query's way nothing is copied and nothing allocated:
//
//	query bytes --Parse--> Query --AppendKey--> key --Hash--> the cache
//	                         |
//	                         |  Drop, FormErr, NotImp, ...           AppendReply
//	                         |  a miss        AppendQuery --> upstream --> Matches
//	                         v
//	response --Repack--> clean copy --Classify--> positive, NODATA, NXDOMAIN, ...
//	                         |  SetID, SetFlags, CopyCase, Age, Rotate
//	                         v
//	reply --Truncate--> fits the asker's size --AppendOPT--> sent
//
// Who owns a buffer: functions named Append write behind len(dst) and return the longer
// slice, as append does; a message of which they write a part begins at an offset start of
// dst, so that a TCP length may stand before it. A Query and a Name are views: they are good
// while the bytes they came from are. Methods of Message change its bytes and nothing else.
//
// No function trusts its input. A message that is not well-formed is reported, never
// panics, and is never read or written outside its bounds.
package wire
