// Package cache keeps answers in wire form, by key, for as long as they are good.
//
//	a query   --Append-->      Fresh, Prefetch, Failed: a whole reply
//	              |            Miss: the caller asks upstream
//	              |  key, hash, one of the shards
//	              v
//	   shard { success | denial | failure }      each a list by use, bounded by entries and bytes
//	              ^
//	              |  repacked, classified, TTLs within the policy's bounds
//	a response --Store--'      a timeout --Fail--'
//
// A name's success, denial and failure stand apart, so that a flood of names that do not
// exist can't push out those that do, and a failure leaves what is stale in place (RFC 8767).
//
// Times are durations since a moment of the caller's choice, on a clock that never goes
// back (a clock.Clock is one): a time of day that is set must not age answers, and a machine
// that sleeps must. Replies carry no OPT record; the caller adds its own with wire.AppendOPT. All
// methods are safe for concurrent use. A hit allocates nothing.
package cache
