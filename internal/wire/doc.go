// Package wire reads, writes and edits DNS messages in the buffers that they came in. A query
// is answered without a copy and without an allocation:
//
//	query bytes --Parse--> Query --AppendKey--> key --Hash--> the cache
//	                         |
//	                         |  Drop, FormErr, NotImp, ...           AppendReply
//	                         |  a miss        AppendQuery --> upstream --> Matches
//	                         v
//	response --Repack--> clean copy --Classify--> positive, NODATA, NXDOMAIN, ...
//	                         |  FinishReply, Rotate
//	                         v
//	reply --CloseReply--> fits the client's size, ends with an OPT record --> sent
//
// Who owns a buffer: a function named Append writes behind len(dst) and returns the longer
// slice, as append does. Where it writes only a part of a message, start says where in dst the
// message begins, because the length of a TCP message may stand before it. A Query and a Name
// are views: they are valid for as long as the bytes that they are made of. Methods of Message change
// its bytes and nothing else.
//
// No function trusts its input. A malformed message is reported. It never causes a panic, and
// nothing outside its bounds is read or written.
package wire
