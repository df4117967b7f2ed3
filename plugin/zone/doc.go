// Package zone holds the records of a Kubernetes cluster and says what stands at a name.
//
//	Writer.SetService, SetSlice, ...      one writer at a time
//	        |  one immutable value replaces one entry
//	        v
//	      Store   -- Key --> entry --> state{ *Service, []*Slice }     (hash table)
//	        |     -- address --> entry                                 (sorted list)
//	        v
//	Store.Lookup, Reverse                 any number of readers, none of which locks
//
// Objects come from several watches, in any order: what one of them has told of is not denied because
// another is late; see ahead.
//
// Names are those of the Kubernetes DNS specification 1.1.0. They are strings in lower case,
// without the zone that they stand in. The package knows neither CoreDNS nor the Kubernetes API:
// values come in through a Writer. What a lookup returns refers only to the Store's values, so
// the caller may reuse the memory of the name at once.
package zone
