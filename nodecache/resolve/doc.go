// Package resolve answers queries. It is the one straight line between the front and what
// is known:
//
//	listen --Handle--> parse, route by longest zone
//	                     |
//	                     |  malformed, CHAOS, localhost, hosts: answered here         local.go
//	                     v
//	                   cache: fresh, or a failure a moment ago                        cached.go
//	                     |  a name below one that is denied                           cut.go
//	                     |  an answer that has expired, while upstream is out         stale.go
//	                     v
//	                   flight: one for all who ask the same                           flight.go
//	                     |  upstream, cache, what it says of names above              learn.go
//	                     |  an answer that has expired, if it takes too long          late.go
//	                     v
//	                   waiters: each gets its reply from the socket that it asked     waiter.go
//
// Everything up to the flight runs on the loop of a socket and neither waits nor allocates;
// a flight has a goroutine. Times are those of Config.Clock.
package resolve
