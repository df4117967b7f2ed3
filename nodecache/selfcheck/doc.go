// Package selfcheck asks this process's own sockets what only this process can answer.
//
//	Checkup: one check for all who ask, at most a second old
//	   |
//	   v
//	Checker --query--> Way --> UDP socket 1 of an address --+
//	   ^                |      UDP socket 2                 +--> resolver
//	   |                |      ...                          |
//	   |                |      TCP listener ----------------+
//	   |                |                                   |
//	   |                +-- Loopback, the way of the host's programs, or
//	   |                    hostnet's, the way of a Pod's packet
//	   +---- answer: the number of the reader --------------+
//
// The kernel picks the socket of the CPU that sends. So the Checker's thread is tied to one CPU
// after the other.
package selfcheck
