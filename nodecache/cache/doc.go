// Package cache keeps answers in wire form, each for as long as it may be used.
//
//	a query   --Append-->      Fresh, Prefetch, Failed, Retry: a whole reply
//	              |            Miss: the caller asks upstream
//	              |  key, hash, one of the shards
//	              v
//	   shard { success | denial | failure }      each a list in order of use, bounded by entries and bytes
//	              ^
//	              |  repacked, classified, TTLs within the policy's bounds
//	a response --Store--'      a timeout --Fail--'
//
// A name's success, denial and failure are kept apart. So a flood of names that do not exist
// can't push out names that do, and a failure leaves an expired answer in place (RFC 8767).
//
// Times are durations since a moment that the caller chooses, on a clock that never goes back;
// clock.Clock is one. Answers must age while the machine sleeps, and must not age when somebody
// sets the time of day. Replies carry no OPT record; the caller adds its own with wire.CloseReply.
// All methods are safe for concurrent use. A hit allocates nothing.
package cache
