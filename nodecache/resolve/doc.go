// Package resolve answers queries. A query goes straight from the front to what is known:
//
//	listen --Handle--> parse, find the route with the longest zone               resolver.go, table.go
//	                     |
//	                     |  malformed, CHAOS, localhost, hosts: answered here    local.go
//	                     v
//	                   cache: fresh, or a failure a moment ago                   answer.go
//	                     |  NXDOMAIN for a name below a denied one               cuts.go
//	                     |  a stale answer, while upstream is out                answer.go
//	                     v
//	                   flight: one for all who ask the same                      flights.go
//	                     |  ask upstream, store, learn of the names above        flight.go, cuts.go
//	                     |  a stale answer, if upstream takes too long           flight.go
//	                     v
//	                   waiters: each gets its reply from the socket it asked     flight.go
//
// Everything before the flight runs in the goroutine that reads the socket. It neither waits nor
// allocates. A flight has a goroutine of its own. Times are those of Config.Clock.
//
// An answer is stale when its TTL is over (RFC 8767).
package resolve
